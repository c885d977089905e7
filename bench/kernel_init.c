/*
 * A PID 1 that does nothing but say how it got here: the time stamp counter at its first lines, and the memory that
 * the kernel alone has taken. Under QEMU's -icount the counter is the virtual time since power-on in nanoseconds.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t counter(void)
{
#if defined(__x86_64__)
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
	uint64_t ticks;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
#error no counter known for this architecture
#endif
}

int main(void)
{
	uint64_t start = counter();
	char line[256];

	mkdir("/proc", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		perror("mount /proc");
	printf("bench: pid1 %llu ns\n", (unsigned long long)start);
	FILE *meminfo = fopen("/proc/meminfo", "re");
	while (meminfo && fgets(line, sizeof(line), meminfo))
		printf("bench: %s", line);
	printf("bench: end\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
