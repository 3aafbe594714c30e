/** The sets of capabilities of a task, each in 32-bit words, the lowest first. */
export const CAPABILITY_SETS = ['cap_inh', 'cap_prm', 'cap_eff', 'cap_bnd', 'cap_amb'] as const;

/** A 64-bit number as protobufjs has it, written as such or as any other. */
export interface Long {
  toString(): string;
}

/** What is changed of CRIU's `core_entry`, the image of a task. */
export interface Core {
  readonly tc?: {
    oom_score_adj?: number;
    readonly rlimits?: { readonly rlimits: { cur: Long | number; max: Long | number }[] };
  };
  /** Not there of a task that has ended. */
  readonly thread_core?: {
    readonly creds: Partial<Record<(typeof CAPABILITY_SETS)[number], number[] | undefined>>;
    sched_policy?: number;
    sched_prio?: number;
    sched_nice?: number;
  };
}
