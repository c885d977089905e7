/* Kernel modules of the initramfs's /early, in the order of their names: those without which there is no root. */
#pragma once

/* What cannot be loaded is said on the console. */
void early_modules_load(void);
