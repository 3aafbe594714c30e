/*
 * Preloaded into criu on machines whose root lacks CAP_SYS_RESOURCE. The kernel refuses prlimit(2) there on a process
 * of another user, even when it only asks; the same numbers can be read from /proc/PID/limits, so asking falls back to
 * that. criu asks through syscall(2) and through prlimit(3), hence both are covered. Setting limits stays refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const titles[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "Max cpu time",
	[RLIMIT_FSIZE] = "Max file size",
	[RLIMIT_DATA] = "Max data size",
	[RLIMIT_STACK] = "Max stack size",
	[RLIMIT_CORE] = "Max core file size",
	[RLIMIT_RSS] = "Max resident set",
	[RLIMIT_NPROC] = "Max processes",
	[RLIMIT_NOFILE] = "Max open files",
	[RLIMIT_MEMLOCK] = "Max locked memory",
	[RLIMIT_AS] = "Max address space",
	[RLIMIT_LOCKS] = "Max file locks",
	[RLIMIT_SIGPENDING] = "Max pending signals",
	[RLIMIT_MSGQUEUE] = "Max msgqueue size",
	[RLIMIT_NICE] = "Max nice priority",
	[RLIMIT_RTPRIO] = "Max realtime priority",
	[RLIMIT_RTTIME] = "Max realtime timeout",
};

/* The column in which the numbers begin: the kernel pads the titles. */
enum { first_column = 26 };

static rlim64_t number(const char *word)
{
	return strcmp(word, "unlimited") == 0 ? RLIM64_INFINITY : strtoull(word, NULL, 10);
}

static int read_limit(pid_t pid, unsigned int resource, struct rlimit64 *limit)
{
	char path[64], line[256], soft[32], hard[32];
	int found = -1;

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	FILE *limits = fopen(path, "re");
	if (limits == NULL)
		return -1;
	while (found < 0 && fgets(line, sizeof(line), limits) != NULL) {
		size_t length = strlen(titles[resource]);
		if (strncmp(line, titles[resource], length) != 0 || line[length] != ' ' || strlen(line) <= first_column)
			continue;
		if (sscanf(line + first_column, "%31s %31s", soft, hard) != 2)
			break;
		limit->rlim_cur = number(soft);
		limit->rlim_max = number(hard);
		found = 0;
	}
	fclose(limits);
	return found;
}

static long system_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

long syscall(long nr, ...)
{
	va_list list;
	long a, b, c, d, e, f;

	va_start(list, nr);
	a = va_arg(list, long);
	b = va_arg(list, long);
	c = va_arg(list, long);
	d = va_arg(list, long);
	e = va_arg(list, long);
	f = va_arg(list, long);
	va_end(list);

	long result = system_call(nr, a, b, c, d, e, f);
	if (nr == SYS_prlimit64 && result == -EPERM && c == 0 && d != 0 && (unsigned long)b < RLIM_NLIMITS &&
	    read_limit((pid_t)a, (unsigned int)b, (struct rlimit64 *)d) == 0)
		return 0;
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *wanted, struct rlimit64 *present)
{
	return (int)syscall(SYS_prlimit64, (long)pid, (long)resource, (long)wanted, (long)present, 0L, 0L);
}

int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *wanted, struct rlimit *present)
{
	return (int)syscall(SYS_prlimit64, (long)pid, (long)resource, (long)wanted, (long)present, 0L, 0L);
}
