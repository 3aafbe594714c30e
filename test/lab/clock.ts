import { closeSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';
import process from 'node:process';
import { isAlive, type ProcessId } from './processes.ts';
import { sleep } from './run.ts';

// All nodes of the lab run on one kernel and have its clock; time namespaces leave CLOCK_REALTIME alone
// (time_namespaces(7)). But programs do not ask the kernel for it, they call code that it has mapped into each of them
// (vdso(7)). That mapping is private to a process, and /proc/PID/mem writes to it as a debugger does.

/** x86-64 code by function of the vDSO: a system call in its place, and seconds added to what that says of CLOCK_REALTIME. */
const FUNCTIONS: Readonly<Record<string, (seconds: number) => readonly number[]>> = {
  // test edi, edi (CLOCK_REALTIME is 0); jnz +7; add qword [rsi], seconds; ret
  __vdso_clock_gettime: (seconds) => [...call(228), 0x85, 0xff, 0x75, 7, 0x48, 0x81, 0x06, ...int32(seconds), 0xc3],
  // test rdi, rdi (it may be null); jz +7; add qword [rdi], seconds; ret
  __vdso_gettimeofday: (seconds) => [...call(96), 0x48, 0x85, 0xff, 0x74, 7, 0x48, 0x81, 0x07, ...int32(seconds), 0xc3],
  // add rax, seconds; test rdi, rdi (it may be null); jz +3; mov [rdi], rax; ret
  __vdso_time: (seconds) => [
    ...call(201),
    0x48,
    0x05,
    ...int32(seconds),
    0x48,
    0x85,
    0xff,
    0x74,
    3,
    0x48,
    0x89,
    0x07,
    0xc3,
  ],
};
/** mov eax, number; syscall */
const call = (number: number) => [0xb8, ...int32(number), 0x0f, 0x05];

/** A process that is in the middle of what is about to be written goes on for a moment; so often, 1 ms apart. */
const TRIES = 200;

/**
 * Sets the time of day of one running process so many seconds ahead of the kernel's, or behind it; 0 sets it right. Its
 * monotonic clock stays, as it does when a machine's clock is set. What it starts afterwards has the kernel's.
 * Nothing happens when it has ended.
 * @throws on other machines than x86-64.
 */
export async function setClock(id: ProcessId, seconds: number): Promise<void> {
  if (process.arch !== 'x64') throw new Error('the clock of a process can be set on x86-64 only');
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (await whileStopped(id, () => write(id.pid, seconds))) return;
      await sleep(1);
    }
  } catch (error) {
    if (!isAlive(id)) return;
    throw error;
  }
  throw new Error(`process ${id.pid} was never out of its clock`);
}

async function whileStopped<T>(id: ProcessId, act: () => T): Promise<T> {
  process.kill(id.pid, 'SIGSTOP');
  try {
    while (
      isAlive(id) &&
      tasksOf(id.pid).some((task) => !/^State:\s+[TtZX]/m.test(readFileSync(`${task}/status`, 'utf8')))
    )
      await sleep(1);
    return act();
  } finally {
    process.kill(id.pid, 'SIGCONT');
  }
}

/** Yields whether it was written: not where one of its threads is within the mapping. */
function write(pid: number, seconds: number): boolean {
  const { start, length } = vdsoOf(pid);
  const within = (counter: number) => counter >= start && counter < start + length;
  if (tasksOf(pid).some((task) => within(programCounter(readFileSync(`${task}/syscall`, 'utf8'))))) return false;
  const memory = openSync(`/proc/${pid}/mem`, 'r+');
  try {
    const image = Buffer.alloc(length);
    readSync(memory, image, 0, length, start);
    const symbols = symbolsOf(image);
    for (const [name, code] of Object.entries(FUNCTIONS)) {
      const offset = symbols.get(name);
      if (offset === undefined) throw new Error(`the vDSO has no ${name}`);
      const bytes = Buffer.from(code(seconds));
      writeSync(memory, bytes, 0, bytes.length, start + offset);
    }
    return true;
  } finally {
    closeSync(memory);
  }
}

function tasksOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`);
}

/** The last field of /proc/PID/syscall, which a stopped thread shows always (proc_pid_syscall(5)). */
function programCounter(line: string): number {
  return Number(line.trim().split(' ').at(-1));
}

function vdsoOf(pid: number): { start: number; length: number } {
  const [, from = '', to = ''] =
    /^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m.exec(readFileSync(`/proc/${pid}/maps`, 'utf8')) ?? [];
  if (from === '') throw new Error(`process ${pid} has no vDSO`);
  const start = Number.parseInt(from, 16);
  return { start, length: Number.parseInt(to, 16) - start };
}

/** A section of an ELF file that lists symbols for the dynamic linker. */
const SHT_DYNSYM = 11;
const SYMBOL_BYTES = 24;

/** Where the symbols of a 64-bit ELF file lie in it (elf(5)); the addresses in a vDSO begin at 0. */
function symbolsOf(image: Buffer): Map<string, number> {
  const number = (at: number) => Number(image.readBigUInt64LE(at));
  const [sections, size, count] = [number(0x28), image.readUInt16LE(0x3a), image.readUInt16LE(0x3c)];
  const found = new Map<string, number>();
  for (let index = 0; index < count; index += 1) {
    const section = sections + index * size;
    if (image.readUInt32LE(section + 4) !== SHT_DYNSYM) continue;
    const [offset, length] = [number(section + 0x18), number(section + 0x20)];
    const names = number(sections + image.readUInt32LE(section + 0x28) * size + 0x18);
    for (let at = offset; at < offset + length; at += SYMBOL_BYTES) {
      const name = names + image.readUInt32LE(at);
      found.set(image.toString('latin1', name, image.indexOf(0, name)), number(at + 8));
    }
  }
  return found;
}

function int32(value: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return [...bytes];
}
