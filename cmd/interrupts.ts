export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type Signal = (typeof SIGNALS)[number];

/**
 * A second signal that comes sooner after the first, in ms, is the same one once more: `timeout` sends each twice, and
 * runners of scripts pass on what the terminal has sent to everybody. A person is slower, or presses again.
 */
export const SAME_MS = 500;

/** What a signal asks for: to come to an end in good order, to end now, or nothing new. */
export type Asked = 'end' | 'end-now' | 'nothing';

/**
 * Says what each signal asks for. The first one is an interrupt. A later one is insistence, but for SIGHUP: a lost terminal
 * sends that, the shell passes it on, and nobody is there to insist. `now`: a clock that only goes forward, in ms.
 */
export function createInterrupts(now: () => number): (signal: Signal) => Asked {
  let first: number | undefined;
  return (signal) => {
    if (first === undefined) {
      first = now();
      return 'end';
    }
    return signal === 'SIGHUP' || now() - first < SAME_MS ? 'nothing' : 'end-now';
  };
}
