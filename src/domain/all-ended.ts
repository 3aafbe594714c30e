/** Waits until all have come to an end, however that was. Yields their results; throws what the first that failed has thrown. */
export async function allEnded<T>(acts: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(acts);
  return ended.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}
