/** What `cistern completion` and `cistern man-page` print, given to the real shells and to man. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { command } from '../e2e/support/command.js';
import { run } from '../e2e/support/processes.js';
import { suiteScope, temporaryDirectory } from '../support/tmp.js';
import { unlessInstalled } from './needs.js';

const scope = suiteScope();
let dir: string;
before(async () => {
  dir = await temporaryDirectory(scope);
  await writeFile(join(dir, 'images.tar'), '');
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await command(['completion', shell]);
    assert.equal(code, 0);
    await writeFile(join(dir, shell), stdout);
  }
});

/** What a user typed, and some of the words that it is completed to; bad ones must not be among them. */
const CASES: readonly (readonly [typed: string, wanted: readonly string[], bad?: string])[] = [
  ['cistern pre', ['prefetch'], 'gc'],
  ['cistern unp', ['unpin'], 'man-page'],
  ['cistern ma', [], 'man-page'],
  ['cistern gc --dr', ['--dry-run'], '--detach'],
  ['cistern mirror-config kan', ['kaniko'], 'docker'],
  ['cistern images -o j', ['json'], 'text'],
  ['cistern stats --by h', ['hour'], '--since'],
  ['cistern import im', ['images.tar']],
  ['cistern serve --config im', ['images.tar']],
  ['cistern completion fi', ['fish'], 'zsh'],
  ['cistern help pre', ['prefetch'], 'gc'],
];

async function completes(answer: (typed: string) => Promise<string>): Promise<void> {
  for (const [typed, wanted, bad] of CASES) {
    const words = (await answer(typed)).split(/\s+/);
    for (const word of wanted) assert.ok(words.includes(word), `${typed}: ${words.join(' ')}`);
    if (bad !== undefined) assert.ok(!words.includes(bad), `${typed}: ${words.join(' ')}`);
  }
}

describe('completion', () => {
  it('works in bash, also for --option=value', { skip: unlessInstalled('bash') }, async () => {
    const script =
      'source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cistern; printf "%s\\n" "${COMPREPLY[@]}"';
    const answer = (words: readonly string[]) => run('bash', ['-c', `cd '${dir}' && ${script}`, 'bash', ...words]);
    await completes((typed) => answer(typed.split(' ')));
    // As readline splits it.
    assert.equal(await answer(['cistern', 'gc', '--output', '=', 'j']), 'json\n');
    assert.equal(await answer(['cistern', 'gc', '--output', '=']), 'text\njson\n');
    assert.equal(
      await run('bash', ['-c', `source '${dir}/bash'; complete -p cistern`]),
      'complete -F _cistern cistern\n',
    );
  });

  it('works in fish', { skip: unlessInstalled('fish') }, async () => {
    const home = { HOME: dir, XDG_CONFIG_HOME: dir, XDG_DATA_HOME: dir };
    await completes(async (typed) =>
      run(
        'fish',
        ['--no-config', '-c', `cd '${dir}'; source fish; complete -C '${typed}' | string replace -r '\\t.*' ''; true`],
        home,
      ),
    );
  });

  it('works in zsh', { skip: unlessInstalled('zsh') }, async () => {
    const places = join(dir, 'functions');
    await mkdir(places);
    // Tab is pressed in a terminal of zsh's own; then a widget tells what the line has become.
    const script = `
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell "cd '${dir}'; PS1=; autoload -Uz compinit; compinit -u -d '${dir}/dump'; source ./zsh"
      zpty -w shell 'tell() { print -r -- "<<<$BUFFER>>>" }; zle -N tell; bindkey "^I" complete-word "^X" tell; print rea""dy'
      zpty -r shell line '*ready*'
      zpty -n -w shell "$1"$'\\t\\x18'
      zpty -r shell line '*<<<*>>>*'
      print -r -- "\${\${line##*<<<}%%>>>*}"`;
    for (const [typed, [wanted]] of CASES) {
      if (wanted === undefined) continue;
      const line = await run('zsh', ['-f', '-c', script, 'zsh', typed]);
      assert.ok(line.trim().endsWith(` ${wanted}`), `${typed}: ${line}`);
    }
  });
});

describe('the man page', () => {
  it(
    'is one that man shows without a warning, with each command, its options, and what it takes from outside',
    {
      skip: unlessInstalled('man'),
    },
    async () => {
      const page = join(dir, 'cistern.1');
      await writeFile(page, (await command(['man-page'])).stdout);
      const script = 'MANWIDTH=100 man --warnings=w -E UTF-8 -l "$1" 2>&1';
      const shown = await run('bash', ['-c', script, 'bash', page], { LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' });
      assert.doesNotMatch(shown, /warning|error:/i);
      const help = (await command(['--help'])).stdout;
      const commands = [...help.matchAll(/^ {2}([a-z][a-z-]+)/gm)].map(([, name = '']) => name);
      assert.ok(commands.length > 15);
      for (const name of commands.filter((each) => each !== 'help'))
        assert.match(shown, new RegExp(`^ +cistern ${name}`, 'm'));
      for (const word of [
        '--dry-run',
        '--platform <os/arch[/variant]>',
        'CISTERN_ADMIN_ADDRESS',
        '/etc/cistern/cistern.yaml',
        '141',
        'SEE ALSO',
        'podman(1)',
      ]) {
        assert.ok(shown.includes(word), word);
      }
    },
  );
});
