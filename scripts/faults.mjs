/**
 * Runs the fault lab: the real program on real file systems, put through faults from a seed.
 *
 *   npm run test:faults                     the short run, of a few minutes
 *   npm run test:faults -- --cycles 1000    so many kills, and a fifth as many power cuts on each file system; when something
 *                                           is lost, the data directory is kept in the temporary directory
 *   npm run test:faults -- --hours 1        everything at once for so long, 0.1 or 24 as well, with a line a minute;
 *     --report FILE                         which FILE gets too, instead of one in the temporary directory
 *   npm run test:faults -- --injections all every failing system call; or so many, chosen by the seed
 *   npm run test:faults -- --seed 42        as it went when this seed was printed
 *
 * As root it skips nothing that the installed tools allow; with CI set, a skipped test fails the run.
 */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const text = { type: 'string' };
const { values } = parseArgs({ options: { cycles: text, hours: text, report: text, injections: text, seed: text } });
if (values.hours !== undefined && !(Number(values.hours) > 0)) {
  process.stderr.write('--hours: expected a number above 0\n');
  process.exit(2);
}
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
const chosen = [
  ...(values.cycles ? ['kills.test.ts', 'power-cut.test.ts'] : []),
  ...(values.injections ? ['syscalls.test.ts'] : []),
  ...(values.hours ? ['soak.test.ts'] : []),
];
const files = chosen.length > 0 ? chosen : [''];
const env = {
  ...process.env,
  CISTERN_FAULT_SEED: seed,
  ...(values.cycles && {
    CISTERN_FAULT_CYCLES: values.cycles,
    CISTERN_FAULT_CUTS: String(Math.ceil(Number(values.cycles) / 5)),
    CISTERN_FAULT_KEEP: join(tmpdir(), `cistern-faults-${seed}`),
    CISTERN_TEST_TIMEOUT: 'Infinity',
  }),
  ...(values.hours && {
    CISTERN_FAULT_HOURS: values.hours,
    ...(values.report && { CISTERN_FAULT_REPORT: resolve(values.report) }),
    CISTERN_TEST_TIMEOUT: 'Infinity',
  }),
  ...(values.injections && { CISTERN_FAULT_INJECTIONS: values.injections, CISTERN_TEST_TIMEOUT: 'Infinity' }),
};
const again = Object.entries({ ...values, seed }).map(([name, value]) => `--${name} ${value}`);
process.stderr.write(`The same again: npm run test:faults -- ${again.join(' ')}\n`);
const root = join(import.meta.dirname, '..');
const paths = files.map((file) => join(root, 'test/faults', file));
const runner = spawn(process.execPath, [join(root, 'scripts/test.mjs'), ...paths], {
  stdio: ['inherit', 'pipe', 'inherit'],
  env,
});
let skipped = 0;
createInterface({ input: runner.stdout }).on('line', (line) => {
  process.stdout.write(`${line}\n`);
  skipped += Number(/^# skipped (\d+)/.exec(line)?.[1] ?? 0);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => runner.kill(signal));
runner.on('close', (code) => {
  if (process.env.CI && skipped > 0) {
    process.stderr.write(`faults: ${skipped} tests were skipped, which continuous integration does not allow\n`);
    process.exit(1);
  }
  process.exit(code ?? 1);
});
