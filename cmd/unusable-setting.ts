import { MigrateError } from '../src/domain/errors.ts';

/** F309, for a file or variable that holds no setting. Pure. */
export function unusable(detail: string): MigrateError {
  return new MigrateError('F309', { detail, remedy: 'correct the setting, or remove it', outcome: 'usage' });
}
