// filters PID: writes the seccomp filters of a process to stdout, the oldest first: of each its length in bytes (32 bits,
// the lowest byte first), then its instructions. The process is stopped for that moment, which it does not see but in a
// system call that is interrupted. A program of its own because JavaScript has no ptrace(2), and the kernel shows filters
// in no other way.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

static int fail(const char *what) {
  fprintf(stderr, "filters: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  static struct sock_filter filter[BPF_MAXINSNS];
  pid_t pid = argc == 2 ? atoi(argv[1]) : 0;
  int status;
  if (pid <= 0) return errno = EINVAL, fail("usage: filters PID");
  if (ptrace(PTRACE_SEIZE, pid, 0, 0)) return fail("seize");
  if (ptrace(PTRACE_INTERRUPT, pid, 0, 0)) return fail("interrupt");
  if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) return fail("wait");
  // The kernel counts them from the oldest one (get_nth_filter, kernel/seccomp.c), and has none behind the last.
  for (long at = 0;; at++) {
    long count = ptrace((enum __ptrace_request)PTRACE_SECCOMP_GET_FILTER, pid, at, filter);
    if (count < 0 && errno == ENOENT) break;
    if (count < 0) return fail("get filter");
    uint32_t bytes = count * sizeof *filter;
    if (fwrite(&bytes, sizeof bytes, 1, stdout) != 1 || fwrite(filter, bytes, 1, stdout) != 1) return fail("write");
  }
  // A signal that it was stopped at is still to be delivered; stops of ours have an event above it.
  ptrace(PTRACE_DETACH, pid, 0, status >> 16 ? 0 : WSTOPSIG(status));
  return fflush(stdout) ? fail("write") : 0;
}
