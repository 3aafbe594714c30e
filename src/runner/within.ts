/** What comes of something that is waited for no longer than that, in ms; undefined when it takes longer. */
export async function within<T>(ms: number, act: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  act.catch(() => undefined);
  try {
    return await Promise.race([act, late]);
  } finally {
    clearTimeout(timer);
  }
}
