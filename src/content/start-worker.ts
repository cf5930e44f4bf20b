/** Starts a thread of this folder, from the compiled program as well as from its source. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

export function startWorker(name: string, workerData: unknown): Worker {
  if (extname(import.meta.url) === '.js') return new Worker(new URL(`./${name}.js`, import.meta.url), { workerData });
  // Run from the TypeScript source, as tests are: a thread does not inherit the loader and has to register it itself.
  const [loader, entry] = [import.meta.resolve('tsx/esm/api'), new URL(`./${name}.ts`, import.meta.url).href];
  const start = `import('${loader}').then(({ register }) => { register(); return import('${entry}'); })`;
  return new Worker(start, { eval: true, workerData });
}
