// Completion as the shells themselves do it: each script is given to its shell where that is installed.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandSpec } from '../command.ts'
import { Console } from '../console.ts'
import { completion } from './completion.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-completion-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'it is.yaml'), '')

const run = () => 0
const json = { flags: '--json', key: 'json', description: "JSON: [one] value's enough" }
const table: readonly CommandSpec[] = [
  {
    name: 'audit',
    summary: "judge a capture: every packet's verdict",
    arguments: [{ name: '<capture...>', description: 'captures', values: 'file' }],
    options: [
      { flags: '-p, --policy <file>', key: 'policy', description: 'a policy', values: 'file' },
      { flags: '--point <point>', key: 'point', description: 'where', values: ['wire', 'receiver'] },
      json,
    ],
    run,
  },
  {
    name: 'policy check',
    summary: 'check',
    arguments: [{ name: '<file...>', description: 'files', values: 'file' }],
    options: [json],
    run,
  },
  {
    name: 'policy show',
    summary: 'show',
    arguments: [{ name: '<how>', description: 'how', values: ['short', 'long'] }],
    options: [],
    run,
  },
  completion(() => table),
]

function script(shell: string): { status: number; out: string; said: string } {
  const [out, said]: string[][] = [[], []]
  const console = new Console({
    output: { write: text => out!.push(text) },
    errorOutput: { write: text => said!.push(text) },
    color: false,
  })
  const status = completion(() => table).run({ arguments: [shell], options: {} }, console) as number
  return { status, out: out!.join(''), said: said!.join('') }
}

const cases: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
  [[''], ['audit', 'completion', 'policy']],
  [['pol'], ['policy']],
  [
    ['policy', ''],
    ['check', 'show'],
  ],
  [['policy', 's'], ['show']],
  [
    ['policy', 'show', ''],
    ['long', 'short'],
  ],
  [
    ['audit', '--po'],
    ['--point', '--policy'],
  ],
  [
    ['audit', '--point', ''],
    ['receiver', 'wire'],
  ],
  [['audit', '--policy', 'it'], ['it is.yaml']],
  [['audit', '-p', 'it'], ['it is.yaml']],
  [['audit', 'it'], ['it is.yaml']],
  [['policy', 'check', '--js'], ['--json']],
  [
    ['completion', ''],
    ['bash', 'fish', 'zsh'],
  ],
]

function isMissing(shell: string): string | false {
  return spawnSync(shell, ['--version']).error === undefined ? false : `because ${shell} is not installed`
}

for (const [words, expected] of cases) {
  test(`bash completes “sealwire ${words.join(' ')}” to ${expected.join(', ')}`, { skip: isMissing('bash') }, () => {
    const ask = `${script('bash').out}
COMP_WORDS=(sealwire "$@"); COMP_CWORD=$#; _sealwire; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', ask, 'bash', ...words], {
      cwd: folder,
      encoding: 'utf8',
    })
    assert.equal(stderr, '')
    assert.deepEqual(stdout.trimEnd().split('\n').sort(), expected)
  })

  test(`fish completes “sealwire ${words.join(' ')}” to ${expected.join(', ')}`, { skip: isMissing('fish') }, () => {
    const path = join(folder, 'sealwire.fish')
    writeFileSync(path, script('fish').out)
    const ask = `source ${path}; complete -C "sealwire ${words.join(' ')}"`
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', ask], { cwd: folder, encoding: 'utf8' })
    assert.equal(stderr, '')
    const told = stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split('\t')[0]!.replaceAll('\\ ', ' '))
    assert.deepEqual(told.sort(), expected)
  })
}

test('the script for zsh is one that zsh can read', { skip: isMissing('zsh') }, () => {
  const { status, stderr } = spawnSync('zsh', ['-f', '-n', '-c', script('zsh').out], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.equal(status, 0)
})

test('another shell is refused with those that there are', () => {
  const { status, out, said } = script('tcsh')
  assert.equal(status, 2)
  assert.equal(out, '')
  assert.match(said, /“tcsh” is no shell that completes here \(write one of bash, zsh, fish\)/)
})
