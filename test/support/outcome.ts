import { failureCode } from '../../src/domain/errors.ts';

/** The failure's code when an act throws, what it throws when that has none, undefined when it does not throw. */
export function outcomeOf(act: () => unknown): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return failureCode(error) ?? error;
  }
}
