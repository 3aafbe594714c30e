import { uptimeMs } from './uptime.ts';

/** So often a helper whose deadline has passed looks whether it may end, in ms. */
const LOOK_MS = 1000;
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Calls `end` once the deadline, by `uptimeMs`, has passed and nothing is kept any more: the deadline is for helpers
 * that were forgotten, not for one that keeps what only it can let go on.
 */
export function endWhenForgotten(endsAt: number, isKeeping: () => boolean, end: () => void): void {
  const look = () => {
    if (isKeeping()) setTimeout(look, LOOK_MS);
    else end();
  };
  setTimeout(look, Math.min(Math.max(0, endsAt - uptimeMs()), LONGEST_TIMER_MS));
}
