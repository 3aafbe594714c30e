import { type FailureCode, isMigrateError, MigrateError } from '../src/domain/errors.ts';

/** Failures that come from anywhere, and so know of no migration. */
const ANYWHERE: readonly FailureCode[] = ['F306', 'F312'];

/** Runs an act on a migration; a failure whose own words do not name that ends with what to do about it. */
export async function naming<T>(id: string, next: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!isMigrateError(error) || !ANYWHERE.includes(error.code) || error.remedy.includes(id)) throw error;
    const { code, detail, remedy, outcome } = error;
    throw new MigrateError(code, { detail, remedy: `${remedy}; ${next}`, outcome, cause: error });
  }
}
