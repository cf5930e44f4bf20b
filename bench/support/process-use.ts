/** What the kernel says of a process under measurement: its processor time and its memory, workers included. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds for which a process must do nothing to be at rest, and those after which it never will be. */
const REST = 300;
const PATIENCE = 30_000;

/** A process and all that it started, such as nginx's workers. */
export function treeOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return [pid, ...children.split(' ').filter(Boolean).map(Number).flatMap(treeOf)];
  } catch {
    return []; // it ended
  }
}

/** Processor time that a process and its children have had, in seconds; to a hundredth for each. */
export function processorSeconds(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + ownProcessorSeconds(each), 0);
}

function ownProcessorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** MiB that a process and its children have for themselves (RssAnon): not their files and libraries. */
export function anonymousMemory(pid: number): number {
  const own = (each: number) =>
    Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? 0);
  return treeOf(pid).reduce((sum, each) => sum + own(each), 0) / 1024;
}

/** Waits until a process is done with what it does after its last answer: docker-registry fetches a blob a second time. */
export async function atRest(pid: number): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  for (let before = -1; performance.now() < deadline;) {
    const now = processorSeconds(pid);
    if (now - before <= 0.01) return;
    before = now;
    await sleep(REST);
  }
}
