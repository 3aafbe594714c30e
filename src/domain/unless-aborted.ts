/**
 * What an act yields, or the signal's reason as soon as that is aborted. The act itself decides whether it ends then; what
 * becomes of it is nobody's affair any more.
 */
export async function unlessAborted<T>(signal: AbortSignal | undefined, act: Promise<T>): Promise<T> {
  if (signal === undefined) return await act;
  const over = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over.signal });
  });
  act.catch(() => undefined);
  try {
    return await Promise.race([act, aborted]);
  } finally {
    over.abort();
  }
}
