/** Starts a thread, from the compiled program as well as from its source. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** `base` is the caller's `import.meta.url`; the thread's file, `name` without its extension, is beside it. */
export function startWorker(base: string, name: string, workerData: unknown): Worker {
  if (extname(base) === '.js') return new Worker(new URL(`./${name}.js`, base), { workerData });
  // Run from the TypeScript source, as tests are: a thread does not inherit the loader and has to register it itself.
  const [loader, entry] = [import.meta.resolve('tsx/esm/api'), new URL(`./${name}.ts`, base).href];
  const start = `import('${loader}').then(({ register }) => { register(); return import('${entry}'); })`;
  return new Worker(start, { eval: true, workerData });
}
