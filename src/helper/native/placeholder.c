// placeholder: pid 1 of the target container. Waits until the moved processes have been restored beside it, then
// stands for them: passes signals on, reaps, and ends with the exit status of the restored root. When kubelet starts
// the container again later it starts the original program afresh: never old memory.
// It is C and static because it runs in the user's image, which may hold nothing at all, as the user's uid, without
// capabilities, on a read-only root. placeholder-spec.ts builds its command lines.
//
//   placeholder install DIR NAME...                copies itself to DIR/NAME/placeholder, for every container one
//   placeholder run [--supervise] [--for HOST] -- ARGV...   the container's command; on another host the original's
//   placeholder supervise -- ARGV...               what `run --supervise` becomes on a cold start
//   placeholder startup [TIMEOUT BUDGET KIND ...]  the container's startup probe
//
// MARKER is written by the helper at the commit and holds the restored root's pid as the placeholder sees it. It lives
// as long as the pod: a container that finds it when it starts is a cold start. A placeholder that waits looks for it at
// every SIGCHLD, which is what the helper sends: that signal is passed on to nobody, so it does no harm twice. One that
// finds itself in it (1) has nothing restored beside it: it starts the original program afresh there and then.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "placeholder.h"

#define REMEMBERED 64
#define AFRESH (-2)

extern char **environ;

static int complain(const char *what) {
  fprintf(stderr, "placeholder: %s: %s\n", what, strerror(errno));
  return 127;
}

static int install(const char *dir, const char *name) {
  char path[512], temporary[520];
  struct stat size;
  snprintf(path, sizeof path, "%s/%s", dir, name);
  if (mkdir(path, 0777) && errno != EEXIST) return complain(path);
  snprintf(path, sizeof path, "%s/%s/placeholder", dir, name);
  snprintf(temporary, sizeof temporary, "%s.new", path);
  int from = open("/proc/self/exe", O_RDONLY), to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (from < 0 || to < 0 || fstat(from, &size)) return complain(temporary);
  for (off_t left = size.st_size; left > 0;) {
    ssize_t sent = sendfile(to, from, 0, left);
    if (sent <= 0) return complain(temporary);
    left -= sent;
  }
  if (fchmod(to, 0755) || close(to) || rename(temporary, path)) return complain(path);
  return 0;
}

int committed_root(void) {
  char text[16] = "";
  int fd = open(MARKER, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  return got > 0 ? atoi(text) : 0;
}

// As the runtime does it: PATH of the environment, and no shell for files that are not programs (execvp(3) has one).
void exec_original(char **argv) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  if (strchr(argv[0], '/')) {
    execve(argv[0], argv, environ);
  } else {
    const char *search = getenv("PATH");
    if (!search) search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    int refused = ENOENT;
    for (const char *end; search; search = *end ? end + 1 : 0) {
      end = strchrnul(search, ':');
      char path[4096];
      snprintf(path, sizeof path, "%.*s/%s", (int)(end - search), end == search ? "." : search, argv[0]);
      execve(path, argv, environ);
      if (errno != ENOENT && errno != ENOTDIR) refused = errno;
    }
    errno = refused;
  }
  _exit(complain(argv[0]));
}

static int as_exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct { pid_t pid; int status; } reaped[REMEMBERED];
static unsigned reaped_count;

// Returns the exit status of `root` when it ended, else -1. Others are remembered: the root may have ended before the
// placeholder was told which process it is.
static int reap(pid_t root) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == root) return as_exit_status(status);
    reaped[reaped_count % REMEMBERED].pid = pid;
    reaped[reaped_count++ % REMEMBERED].status = status;
  }
  return -1;
}

static int remembered_status(pid_t root) {
  for (int i = 0; i < REMEMBERED; i++)
    if (reaped[i].pid == root) return as_exit_status(reaped[i].status);
  return -1;
}

static int is_ending(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP;
}

// `root` 0: not known yet, wait to be told. Never returns but with an exit status, or AFRESH.
static int stand_for(pid_t root) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, 0);
  for (;;) {
    int status = reap(root);
    if (root && status >= 0) return status;
    siginfo_t info;
    int signal = sigwaitinfo(&all, &info);
    if (signal < 0) continue;
    if (signal == SIGCHLD) {
      if (root) continue;
      root = committed_root();
      if (root == getpid()) return AFRESH;
      status = root ? remembered_status(root) : -1;
      if (status >= 0) return status;
    } else if (signal == SIGNAL_GIVE_UP && root) {
      kill(root, SIGKILL);
    } else if (root) {
      kill(root, signal);
    } else if (is_ending(signal)) {
      return 128 + signal;
    }
  }
}

static int supervise(char **argv) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, 0);
  pid_t child = fork();
  if (child < 0) return complain("fork");
  if (!child) exec_original(argv);
  return stand_for(child);
}

// A template of a StatefulSet has all pods of the set made with this command while one of them moves. The others are
// told by their host name, which is the pod's: they start the original at once, with the marker as after a cold start.
static int is_for_another(const char *host) {
  char own[256] = "";
  gethostname(own, sizeof own - 1);
  own[strcspn(own, ".")] = 0;
  return strcmp(own, host) != 0;
}

static int mark_cold_start(void) {
  int fd = open(MARKER, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, "1\n", 2) != 2) return complain(MARKER);
  close(fd);
  return 0;
}

static int run(int argc, char **argv) {
  int supervised = argc > 0 && !strcmp(argv[0], "--supervise");
  if (supervised) argc--, argv++;
  if (argc > 2 && !strcmp(argv[0], "--for")) {
    if (is_for_another(argv[1]) && mark_cold_start()) return 127;
    argc -= 2, argv += 2;
  }
  if (argc < 2 || strcmp(argv[0], "--")) return errno = EINVAL, complain("run");
  if (access(MARKER, F_OK)) {
    int status = stand_for(0);
    if (status != AFRESH) return status;
  }
  if (!supervised) exec_original(argv + 1);
  argv[-1] = "supervise";
  argv[-2] = "placeholder";
  execve("/proc/self/exe", argv - 2, environ);
  return complain("/proc/self/exe");
}

int main(int argc, char **argv) {
  const char *act = argc > 1 ? argv[1] : "";
  if (!strcmp(act, "install") && argc > 3) {
    // Users of the pod's containers differ, and the mode of a volume's directory is for all of them.
    umask(0);
    int status = 0;
    for (int i = 3; i < argc && !status; i++) status = install(argv[2], argv[i]);
    return status;
  }
  if (!strcmp(act, "run")) return run(argc - 2, argv + 2);
  if (!strcmp(act, "supervise") && argc > 3) return supervise(argv + 3);
  if (!strcmp(act, "startup")) return startup(argc - 2, argv + 2);
  fprintf(stderr, "usage: placeholder install DIR NAME... | run [--supervise] -- COMMAND... | startup [PROBE...]\n");
  return 2;
}
