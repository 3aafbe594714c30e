// mount-helper: runs a program inside a container's namespaces with directories of ours mounted there, without any
// program or library of the container. JavaScript cannot do this: setns(2), open_tree(2) and move_mount(2) have no
// binding, and a mount namespace can only be entered by a process with a single thread.
//
//   mount-helper enter OPTION... -- PROGRAM ARGUMENT...
//     --pid PID        whose namespaces; required, before --ns
//     --ns NAMES       which, of mnt,uts,ipc,net,pid, separated by commas
//     --cgroup FILE    a cgroup.procs to join; may be repeated
//     --alone PATH     there: what is mounted at PATH, without what is mounted below it, becomes /at in a root of its own
//                      with nothing else in it; all that follows of these options is about that root
//     --bind FROM=TO   the directory FROM of here is mounted on TO there (made when missing); may be repeated
//     --open N=MODE=PATH  descriptor N is PATH of here, MODE is r or w; may be repeated
//     --umount PATH    there, when mounted; may be repeated
//     --writable PATH  there: mount made writable, when there is one; may be repeated
//     --self PATH      there: mounted on itself; may be repeated
//     --arguments stdin  enters at once, then waits for further NUL-separated arguments on stdin, the last of them
//                      --arguments-end: a list without it was cut short and runs nothing; no list at all is no error
//   mount-helper delete DIRECTORY   removes the NUL-separated paths on stdin, which are below the directory, following no
//                      link; missing ones are fine
//   mount-helper touch    makes the NUL-separated absolute paths on stdin as empty files, following no link; what is there stays
//   mount-helper mode OCTAL PATH   what chmod(1) does
//   as "tar"              runs the GNU tar beside it without compression (CRIU's tmpfs images; gzip costs freeze time),
//                      and with owners by number: the container's list of names says nothing of them
//
// Mounts are made in a private copy of the container's mount namespace: nothing of them is seen there, and they are
// gone with the program. The exit status is the program's; 120 when the namespaces could not be entered.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#endif
#define TREE_CLONE 1
#define TREE_RECURSIVE 0x8000
#define FROM_EMPTY_PATH 4
#define MANY 64
#define CANNOT_ENTER 120
#define ARGUMENTS_END "--arguments-end"

struct bind {
  const char *to;
  int tree, made;
};

static struct bind binds[MANY];
static const char *unmount[MANY], *writable[MANY], *selves[MANY];
static int bind_count, unmount_count, writable_count, self_count;
static int spaces[8], space_kinds[8], space_count;
static const char *alone;

static void fail(const char *what, const char *which) {
  fprintf(stderr, "mount-helper: %s %s: %s\n", what, which, strerror(errno));
  exit(CANNOT_ENTER);
}

static void check_room(int count) {
  if (count < MANY) return;
  errno = E2BIG;
  fail("options", "");
}

static void open_namespaces(const char *pid, char *names) {
  static const struct { const char *name; int kind; } known[] = {
    {"pid", CLONE_NEWPID}, {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC}, {"net", CLONE_NEWNET}, {"mnt", CLONE_NEWNS}};
  for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
    if (!strstr(names, known[i].name)) continue;
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, known[i].name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("open", path);
    spaces[space_count] = fd;
    space_kinds[space_count++] = known[i].kind;
  }
}

static void join_cgroup(const char *file) {
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) != 1) fail("join", file);
  close(fd);
}

static void clone_tree(char *from_to) {
  check_room(bind_count);
  char *to = strchr(from_to, '=');
  if (!to) errno = EINVAL, fail("bind", from_to);
  *to++ = 0;
  int tree = syscall(SYS_open_tree, AT_FDCWD, from_to, TREE_CLONE | TREE_RECURSIVE | O_CLOEXEC);
  if (tree < 0) fail("open_tree", from_to);
  binds[bind_count].to = to;
  binds[bind_count++].tree = tree;
}

static void open_as(char *spec) {
  char *mode = strchr(spec, '='), *path = mode ? strchr(mode + 1, '=') : 0;
  if (!path) errno = EINVAL, fail("open", spec);
  int wanted = atoi(spec), fd = open(path + 1, mode[1] == 'w' ? O_WRONLY | O_APPEND : O_RDONLY);
  // A pipe whose other end is gone, or a file that only allows appending, is opened as it can be.
  if (fd < 0) fail("open", path + 1);
  if (fd != wanted) {
    if (dup2(fd, wanted) < 0) fail("dup2", spec);
    close(fd);
  }
}

// Whatever path leads out of /at, by links too, leads to an empty file system that nobody can write to.
static void be_alone(void) {
  int tree = syscall(SYS_open_tree, AT_FDCWD, alone, TREE_CLONE | AT_SYMLINK_NOFOLLOW | O_CLOEXEC);
  if (tree < 0) fail("open_tree", alone);
  // A mount there is what every container has, so that nobody can have put a link in its place.
  if (mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,nr_inodes=64,mode=0700"))
    fail("mount over", "/proc");
  if (mkdir("/proc/at", 0700) || syscall(SYS_move_mount, tree, "", AT_FDCWD, "/proc/at", FROM_EMPTY_PATH))
    fail("move_mount", alone);
  close(tree);
  if (chroot("/proc") || chdir("/")) fail("chroot", "/proc");
}

static void enter(void) {
  for (int i = 0; i < space_count; i++)
    if (setns(spaces[i], space_kinds[i])) fail("setns", "");
  if (!alone && !bind_count && !unmount_count && !writable_count && !self_count) return;
  if (unshare(CLONE_NEWNS)) fail("unshare", "mnt");
  if (mount(0, "/", 0, MS_REC | MS_SLAVE, 0)) fail("make slave", "/");
  if (alone) be_alone();
  for (int i = 0; i < bind_count; i++) {
    binds[i].made = !mkdir(binds[i].to, 0755);
    if (syscall(SYS_move_mount, binds[i].tree, "", AT_FDCWD, binds[i].to, FROM_EMPTY_PATH))
      fail("move_mount", binds[i].to);
    close(binds[i].tree);
  }
  for (int i = 0; i < unmount_count; i++)
    if (umount2(unmount[i], MNT_DETACH) && errno != EINVAL && errno != ENOENT) fail("umount", unmount[i]);
  for (int i = 0; i < writable_count; i++)
    if (mount(0, writable[i], 0, MS_REMOUNT | MS_BIND, 0) && errno != EINVAL && errno != ENOENT)
      fail("remount", writable[i]);
  for (int i = 0; i < self_count; i++)
    if (mount(selves[i], selves[i], 0, MS_BIND, 0)) fail("mount on itself", selves[i]);
  if (alone && mount(0, "/", 0, MS_REMOUNT | MS_RDONLY, 0)) fail("remount", "/");
}

static void leave(void) {
  for (int i = bind_count - 1; i >= 0; i--) {
    umount2(binds[i].to, MNT_DETACH);
    if (binds[i].made) rmdir(binds[i].to);
  }
}

static int run(char **argv) {
  // A pid namespace is joined by children only; and somebody has to clear up afterwards.
  pid_t child = fork();
  if (child < 0) fail("fork", "");
  if (!child) {
    execv(argv[0], argv);
    fail("exec", argv[0]);
  }
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("waitpid", "");
  leave();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The command line with what stdin adds to it; the program then gets an empty stdin. Returns 0 when nothing is to run:
// with status 0 when nothing came, otherwise because the list was cut short.
static char **with_arguments(char **argv, int *status) {
  size_t fixed = 0, count, room;
  while (argv[fixed]) fixed++;
  count = fixed;
  char **all = malloc((room = 2 * fixed + 16) * sizeof *all);
  if (!all) fail("arguments", "");
  memcpy(all, argv, fixed * sizeof *all);
  for (char *argument = 0;; argument = 0) {
    size_t size = 0;
    if (getdelim(&argument, &size, 0, stdin) <= 0) break;
    if (count == room && !(all = realloc(all, (room *= 2) * sizeof *all))) fail("arguments", "");
    all[count++] = argument;
  }
  *status = 0;
  if (count == fixed) return 0;
  if (strcmp(all[--count], ARGUMENTS_END)) {
    fprintf(stderr, "mount-helper: arguments cut short\n");
    *status = CANNOT_ENTER;
    return 0;
  }
  all[count] = 0;
  int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (empty < 0 ? close(0) : dup2(empty, 0)) fail("stdin", "");
  return all;
}

static int enter_and_run(int argc, char **argv) {
  const char *pid = 0;
  int i = 0, wait = 0, status = 0;
  for (; i + 1 < argc && strcmp(argv[i], "--"); i += 2) {
    char *value = argv[i + 1];
    if (!strcmp(argv[i], "--pid")) pid = value;
    else if (!strcmp(argv[i], "--ns") && pid) open_namespaces(pid, value);
    else if (!strcmp(argv[i], "--cgroup")) join_cgroup(value);
    else if (!strcmp(argv[i], "--alone")) alone = value;
    else if (!strcmp(argv[i], "--bind")) clone_tree(value);
    else if (!strcmp(argv[i], "--open")) open_as(value);
    else if (!strcmp(argv[i], "--umount")) check_room(unmount_count), unmount[unmount_count++] = value;
    else if (!strcmp(argv[i], "--arguments")) wait = 1;
    else if (!strcmp(argv[i], "--writable")) check_room(writable_count), writable[writable_count++] = value;
    else if (!strcmp(argv[i], "--self")) check_room(self_count), selves[self_count++] = value;
    else errno = EINVAL, fail("option", argv[i]);
  }
  if (i >= argc - 1) errno = EINVAL, fail("option", "--");
  enter();
  char **command = wait ? with_arguments(argv + i + 1, &status) : argv + i + 1;
  if (command) return run(command);
  leave();
  return status;
}

static int remove_entry(int dir, const char *name) {
  if (!unlinkat(dir, name, 0) || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  DIR *entries = fdopendir(fd);
  int failed = 0;
  for (struct dirent *entry; entries && (entry = readdir(entries));)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) failed |= remove_entry(fd, entry->d_name);
  if (entries) closedir(entries);
  if (unlinkat(dir, name, AT_REMOVEDIR) && errno != ENOENT) failed = -1;
  return failed;
}

static const char *below = "/";

// Walks down without following a link, so that a path cannot lead anywhere but where its names say.
static int remove_path(char *path) {
  int dir = open(below, O_PATH | O_DIRECTORY | O_CLOEXEC);
  char *save, *name = strtok_r(path, "/", &save), *next;
  for (; name && dir >= 0 && (next = strtok_r(0, "/", &save)); name = next) {
    int down = strcmp(name, "..") ? openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : (errno = EINVAL, -1);
    close(dir);
    if (down < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    dir = down;
  }
  if (!name || dir < 0 || !strcmp(name, "..")) return errno = EINVAL, -1;
  int failed = remove_entry(dir, name);
  close(dir);
  return failed;
}

static int touch_path(char *path) {
  int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char *save, *name = strtok_r(path, "/", &save), *next;
  for (; name && dir >= 0 && (next = strtok_r(0, "/", &save)); name = next) {
    if (mkdirat(dir, name, 0755) && errno != EEXIST) return -1;
    int down = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    close(dir);
    dir = down;
  }
  if (!name || dir < 0) return -1;
  int file = openat(dir, name, O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
  close(dir);
  return file < 0 ? -1 : close(file);
}

static int each_listed(int (*act)(char *), const char *what) {
  char *path = 0, *whole = 0;
  size_t room = 0;
  int status = 0;
  while (getdelim(&path, &room, 0, stdin) > 0) {
    if (!(whole = strdup(path))) fail("paths", "");
    if (act(path)) {
      fprintf(stderr, "mount-helper: cannot %s %s: %s\n", what, whole, strerror(errno));
      status = 1;
    }
    free(whole);
  }
  return status;
}

static int set_mode(const char *octal, const char *path) {
  if (!chmod(path, strtol(octal, 0, 8))) return 0;
  fprintf(stderr, "mount-helper: cannot give %s the mode %s: %s\n", path, octal, strerror(errno));
  return 1;
}

static int plain_tar(char **argv) {
  static const char *homes[] = {"/.kubectl-migrate/engine/criu", "/opt/criu"};
  const char *home = access(homes[0], F_OK) ? homes[1] : homes[0];
  char loader[128], libraries[128], tar[128], *args[MANY] = {loader, "--library-path", libraries, tar};
  snprintf(loader, sizeof loader, "%s/ld.so", home);
  snprintf(libraries, sizeof libraries, "%s/lib", home);
  snprintf(tar, sizeof tar, "%s/tar", home);
  int count = 4;
  args[count++] = "--numeric-owner";
  for (char **arg = argv + 1; *arg && count < MANY - 1; arg++)
    if (strcmp(*arg, "--gzip")) args[count++] = *arg;
  execv(loader, args);
  fail("exec", loader);
  return CANNOT_ENTER;
}

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/');
  if (!strcmp(slash ? slash + 1 : argv[0], "tar")) return plain_tar(argv);
  if (argc > 2 && !strcmp(argv[1], "enter")) return enter_and_run(argc - 2, argv + 2);
  if (argc == 3 && !strcmp(argv[1], "delete")) return below = argv[2], each_listed(remove_path, "remove");
  if (argc == 2 && !strcmp(argv[1], "touch")) return each_listed(touch_path, "make");
  if (argc == 4 && !strcmp(argv[1], "mode")) return set_mode(argv[2], argv[3]);
  fprintf(stderr, "usage: mount-helper enter OPTION... -- PROGRAM ARGUMENT... | delete DIRECTORY | touch | mode OCTAL PATH\n");
  return 2;
}
