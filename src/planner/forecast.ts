import type { Forecast } from '../domain/plan.ts';

/** What an earlier move took, as its record tells. */
export interface PastMove {
  readonly id: string;
  /** RFC 3339, when it began. */
  readonly at: string;
  readonly source: { readonly context: string; readonly namespace: string; readonly pod: string };
  readonly target: { readonly context: string; readonly node: string };
  /** Bytes that went over the link while nobody served. */
  readonly bytes: number;
  readonly downMs: number;
  readonly totalMs: number;
  /** How long the source was frozen before the commit: a part of `downMs`. */
  readonly frozenMs: number;
  /** What had been forecast; undefined where the record is older than forecasts. */
  readonly forecastDownMs?: number | undefined;
}

/** What a forecast is made from. */
export interface Evidence {
  readonly past: readonly PastMove[];
  /** Memory of the pod in bytes, as a metrics server measured it. */
  readonly memoryBytes?: number | undefined;
}

export interface ForecastOf {
  readonly namespace: string;
  readonly pod: string;
  readonly contexts: readonly [string, string];
}

/** Figures of this project's own measurements, for somebody's first move: fixed part in ms, link in bytes per second. */
const ASSUMED = { fixedMs: 300, bytesPerSecond: 100 * 2 ** 20, aroundMs: 5000 };
/** How many of the latest moves count. */
const LATEST = 10;
const MIB = 2 ** 20;

/**
 * How long the source will be frozen, in ms, and from what that is known: as in the pod's own past moves, else by its measured
 * memory, which all of the downtime goes with. Undefined where neither is known: other pods say nothing of this one. Pure.
 */
export function expectedFreeze(
  { past, memoryBytes }: Evidence,
  of: Pick<ForecastOf, 'namespace' | 'pod'>,
  { downMs, basis }: Forecast,
): { readonly ms: number; readonly basis: string } | undefined {
  const own = latest(ownMoves(past, of));
  if (own.length > 0)
    return { ms: median(own.map(({ frozenMs }) => frozenMs)), basis: `${count(own.length, 'past move')} of this pod` };
  return memoryBytes === undefined ? undefined : { ms: downMs, basis: basis.join('; ') };
}

function ownMoves(past: readonly PastMove[], of: Pick<ForecastOf, 'namespace' | 'pod'>): PastMove[] {
  return past.filter(({ source }) => source.pod === of.pod && source.namespace === of.namespace);
}

/**
 * How long a move will take: as the pod's own past moves took, else by the line through other past moves, else by
 * assumptions that are called so. Pure.
 */
export function makeForecast({ past, memoryBytes }: Evidence, of: ForecastOf): Forecast {
  const own = ownMoves(past, of);
  const ends = new Set(of.contexts);
  const pair = past.filter(({ source, target }) => ends.has(source.context) && ends.has(target.context));
  const others = pair.length > 0 ? pair : past;
  const memory = memoryBytes === undefined ? [] : [`${mib(memoryBytes)} of memory in use (metrics)`];
  if (own.length > 0) return fromOwn(latest(own), memory);
  if (others.length > 0) return fromOthers(latest(others), memoryBytes, memory, pair.length > 0);
  const downMs = ASSUMED.fixedMs + ((memoryBytes ?? 0) / ASSUMED.bytesPerSecond) * 1000;
  const size = memoryBytes === undefined ? 'memory not known, taken as small' : memory[0];
  return {
    downMs: Math.round(downMs),
    totalMs: Math.round(downMs + ASSUMED.aroundMs),
    basis: [size ?? '', `no past move known: ${ASSUMED.fixedMs} ms and ${mib(ASSUMED.bytesPerSecond)}/s assumed`],
  };
}

function fromOwn(moves: readonly PastMove[], memory: readonly string[]): Forecast {
  const size = median(moves.map(({ bytes }) => bytes));
  return {
    downMs: Math.round(median(moves.map(({ downMs }) => downMs))),
    totalMs: Math.round(median(moves.map(({ totalMs }) => totalMs))),
    basis: [...memory, `${count(moves.length, 'past move')} of this pod, ${mib(size)} in the freeze`],
  };
}

function fromOthers(
  moves: readonly PastMove[],
  memoryBytes: number | undefined,
  memory: readonly string[],
  samePair: boolean,
): Forecast {
  const typical = median(moves.map(({ bytes }) => bytes));
  const bytes = memoryBytes ?? typical;
  const { fixedMs, msPerByte } = line(moves);
  const downMs = fixedMs + msPerByte * bytes;
  const around = median(moves.map((move) => move.totalMs - move.downMs));
  const where = samePair ? 'between these clusters' : 'between other clusters';
  const rate = msPerByte > 0 ? [`link ${mib(1000 / msPerByte)}/s`] : [];
  return {
    downMs: Math.round(downMs),
    totalMs: Math.round(downMs + around),
    basis: [
      ...(memoryBytes === undefined ? [`memory not known, taken as ${mib(typical)}`] : memory),
      ...rate,
      `${count(moves.length, 'past move')} ${where}`,
    ],
  };
}

/**
 * A line through bytes and downtime that single slow moves do not bend (Theil and Sen: the median of the slopes between
 * any two). Where sizes hardly differ, or more bytes took less time, all of it is fixed.
 */
function line(moves: readonly PastMove[]): { fixedMs: number; msPerByte: number } {
  const slopes = moves.flatMap((one, at) =>
    moves.slice(at + 1).flatMap((other) => {
      const apart = other.bytes - one.bytes;
      return Math.abs(apart) < MIB ? [] : [(other.downMs - one.downMs) / apart];
    }),
  );
  const msPerByte = Math.max(0, median(slopes));
  return { fixedMs: Math.max(0, median(moves.map(({ bytes, downMs }) => downMs - msPerByte * bytes))), msPerByte };
}

function latest(moves: readonly PastMove[]): readonly PastMove[] {
  return moves.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, LATEST);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
