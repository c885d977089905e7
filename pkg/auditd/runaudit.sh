#!/bin/sh
# Rules first, so that nothing that they ask for is missed; those of a file that the YAML has bound, else the image's.
# auditd writes its file only where it may believe itself a daemon (-n, not -f), and then says by syslog what it has to
# say, such as what is wrong in auditd.conf: that goes into the container's log here.
[ -d /var/log/audit ] || mkdir -m 0700 /var/log/audit || exit 1
/usr/sbin/auditctl -R /etc/audit/audit.rules || exit 1
/usr/bin/busybox syslogd -n -t -O - &
while [ ! -S /dev/log ] && kill -0 $! 2>/dev/null; do sleep 0.1; done
exec /usr/sbin/auditd -n "$@"
