/** The result of an earlier step. Its absence is a defect: the list of steps is out of order. */
export function need<Results extends object, Name extends keyof Results>(
  results: Results,
  name: Name,
): NonNullable<Results[Name]> {
  const result = results[name];
  if (result === undefined || result === null) throw new Error(`step ${String(name)} has no result yet`);
  return result;
}
