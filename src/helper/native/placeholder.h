#define MARKER "/.kubectl-migrate/restored"
// The startup probe's budget is spent: the supervised program is killed, so that kubelet starts the container again.
#define SIGNAL_GIVE_UP (SIGRTMIN + 1)

// The restored root's pid from MARKER, 0 when there is none.
int committed_root(void);
// Starts the original program in place of this process; ends it with 127 when that fails.
void exec_original(char **argv) __attribute__((noreturn));
// The exit status of the startup probe: 0 started, 1 not yet.
int startup(int argc, char **argv);
