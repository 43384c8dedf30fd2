// Random policies through netsh and ipsecpol and back, and hostile scripts: nothing throws, hangs or grows. Seeded, so that a
// failure repeats.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { seeded } from '../policy/test-policies.ts'
import { emptyRegistry } from '../settings/registry.ts'
import { emptyPolicy } from './connection-security-rules.ts'
import { fromPolicy } from './from-policy.ts'
import { writeIpsecpol } from './ipsecpol-write.ts'
import { emptyNetshState, runNetshLine, runNetshScript } from './netsh-script.ts'
import { netshChanges, readNetshStart } from './netsh-store.ts'
import { type WrittenNetsh, writeNetsh } from './netsh-write.ts'
import type { PolicyStore } from './policy-objects.ts'
import { meaningOf, randomWindowsPolicy } from './test-windows-policies.ts'
import { toPolicy } from './to-policy.ts'

const start = { state: emptyNetshState, rules: emptyPolicy }
const run = (text: string) => runNetshScript(text, 'x', start, { random: seededRandom(1), now: 0, host: 'H' })

function saidBy(store: PolicyStore) {
  const made = toPolicy(store)
  assert.ok(made.ok, JSON.stringify(made))
  const { rules, ike, defaultResponse, name } = made.value.policy
  return { name, ike, defaultResponse, rules: rules.map(meaningOf) }
}

/** With how many of the random policies each says to the letter, at least. */
const forms: readonly (readonly [string, (store: PolicyStore) => WrittenNetsh, number])[] = [
  ['netsh', writeNetsh, 150],
  ['ipsecpol', writeIpsecpol, 50],
]

for (const [program, write, least] of forms) {
  test(`1,000 random policies are written for ${program} and come back the same, or the loss is named`, context => {
    const draw = seeded(1999)
    let exact = 0
    for (let round = 0; round < 1000; round++) {
      const policy = randomWindowsPolicy(draw, true)
      const form = round % 2 === 0 ? 'windows-vista' : 'windows-2000'
      const authorityOf = () => 'CN=Root "of" all, O=Example\\'
      const { store } = fromPolicy(policy, { random: seededRandom(round), form, authorityOf })
      const { text, losses } = write(store)
      const again = run(text)
      const wrong = again.problems.filter(({ severity }) => severity === 'error')
      assert.deepEqual(wrong, [], `${round}\n${text}`)
      if (losses.length === 0 && again.problems.length === 0) {
        exact++
        assert.deepEqual(saidBy(again.state.stores.local), saidBy(store), `${round}\n${text}`)
      }
      const second = write(again.state.stores.local)
      if (losses.length === 0 && again.problems.length === 0) assert.equal(second.text, text)
    }
    context.diagnostic(`${exact} of 1,000 to the letter`)
    assert.ok(exact >= least, `only ${exact}`)
  })
}

const bits = [
  '"',
  "'",
  '^',
  '%',
  '\n',
  '\r\n',
  '=',
  ' ',
  '\\',
  '\\"',
  '[',
  ']',
  ':',
  '-',
  '+',
  '*',
  '&',
  '|',
  '\0',
  '\ud800',
  'é',
  '@',
  'netsh ',
  'ipsec ',
  'static ',
  'set ',
  'all',
  '0',
  '99999999999',
  '::',
  'name=',
  'x'.repeat(5000),
]

function mutated(draw: () => number, text: string): string {
  let damaged = text
  for (let count = 1 + Math.floor(draw() * 6); count > 0; count--) {
    const at = Math.floor(draw() * damaged.length)
    const length = Math.floor(draw() * 12)
    const bit = bits[Math.floor(draw() * bits.length)]!
    const kind = draw()
    if (kind < 0.4) damaged = damaged.slice(0, at) + bit + damaged.slice(at)
    else if (kind < 0.7) damaged = damaged.slice(0, at) + damaged.slice(at + length)
    else damaged = damaged.slice(0, at) + damaged.slice(at, at + length * 9) + damaged.slice(at)
  }
  return damaged
}

const RUNS = 2000

const own = `netsh ipsec dynamic add mmpolicy name=mm
netsh ipsec dynamic add qmpolicy name=qm
netsh ipsec dynamic add rule srcaddr=me dstaddr=10.0.0.0 dstmask=8 mmpolicy=mm qmpolicy=qm psk=x
netsh ipsec dynamic set config bootexemptions "TCP:0:3389:inbound UDP:0:88:outbound"
netsh ipsec static show all format=table
netsh ipsec static show rule all policy=P level=verbose
pushd ipsec static
netsh ipsec dump
netsh ipsec static delete all
`

for (const [program, write] of forms) {
  test(`${RUNS} damaged scripts of ${program} neither throw nor hang, and what they make is written to a registry`, () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const draw = seeded(seed)
      const policy = randomWindowsPolicy(seeded(seed % 50), true)
      const { store } = fromPolicy(policy, { random: seededRandom(seed), form: 'windows-vista' })
      const text = mutated(draw, write(store).text + (draw() < 0.5 ? own : ''))
      const before = performance.now()
      try {
        const made = run(text)
        const { changes } = netshChanges(emptyRegistry, readNetshStart(emptyRegistry), made)
        assert.ok(changes.length < 100_000)
        const { local } = made.state.stores
        if (local.assigned !== undefined) assert.ok(toPolicy(local).ok)
        for (const [, again] of forms) again(local)
        for (const { where } of made.problems) assert.ok(where !== '', 'a problem says where')
      } catch (error) {
        assert.fail(`seed ${seed}: ${(error as Error).stack}\n${JSON.stringify(text).slice(0, 2000)}`)
      }
      assert.ok(performance.now() - before < 5000, `seed ${seed} took too long`)
    }
  })
}

test(`${5 * RUNS} command lines of random words neither throw nor hang`, () => {
  const words = [
    'ipsec',
    'static',
    'dynamic',
    'add',
    'set',
    'del',
    'show',
    'policy',
    'rule',
    'filterlist',
    'filter',
    'filteraction',
    'all',
    'name=x',
    'x',
    'policy=x',
    'filterlist=x',
    'filteraction=x',
    'srcaddr=me',
    'dstaddr=any',
    'guid={x}',
    'id=1',
    'level=v',
    '?',
    'defaultrule',
    'mmpolicy',
    'qmpolicy',
    'config',
    'psk=',
    'rootca=CN=x certmap:yes',
    'kerberos=no',
    '-w',
    'REG',
    '-p',
    '-f',
    '0+*',
    '[0+*]',
    '(0+*)',
    '-n',
    'BLOCK',
    'ESP[3DES,SHA]PFS',
    '-x',
    '-o',
    '-1k',
    '10q',
    'qmsec=ESP[3DES,SHA1]:1k',
    'mmsec=3DES-SHA1-2',
    '',
    '=',
    'a=b=c',
    '-',
    '..',
  ]
  let state = start
  const world = { random: seededRandom(2), now: 0, host: 'H' }
  for (let round = 0; round < 5 * RUNS; round++) {
    const draw = seeded(round)
    const line = Array.from({ length: Math.floor(draw() * 12) }, () => words[Math.floor(draw() * words.length)]!)
    const first =
      draw() < 0.5
        ? ['ipsec', draw() < 0.7 ? 'static' : 'dynamic', ['add', 'set', 'delete', 'show'][Math.floor(draw() * 4)]!]
        : []
    const made = runNetshLine((['netsh', 'ipsecpol'] as const)[round % 2]!, [...first, ...line], state, world)
    if (round % 100 === 0) state = start
    else state = { state: made.state, rules: made.rules }
  }
})

const add = 'netsh ipsec static add'
/** Each made to make a reader work or remember far more than the text is long. */
const hostile: readonly (readonly [string, () => unknown])[] = [
  ['a line of four million carets', () => run(`${'^'.repeat(4_000_000)}x`)],
  ['a line of four million at signs', () => run(`${'@'.repeat(4_000_000)}x`)],
  ['a million lines of nothing known', () => run('ipsec x\n'.repeat(500_000))],
  [
    'ten thousand filters of one list',
    () => run(Array.from({ length: 9999 }, (_, at) => `${add} filter L 10.0.${at >> 8}.${at & 255} me\n`).join('')),
  ],
  [
    'ten thousand ranges of one list',
    () =>
      run(
        Array.from({ length: 9999 }, (_, at) => `${add} filter L 10.0.${at >> 8}.${at & 255}-10.9.9.9 me\n`).join(''),
      ),
  ],
  [
    'a thousand rules, shown again and again',
    () =>
      run(
        `${add} policy P\n${add} filter L me any\n${add} filteraction A\n${`${add} rule R P L A\n`.repeat(1000)}${'netsh ipsec static show all\n'.repeat(8000)}`,
      ),
  ],
  [
    'dynamic rules, made and deleted again and again',
    () =>
      run(
        Array.from(
          { length: 9999 },
          (_, at) =>
            `netsh ipsec dynamic ${at < 1000 ? 'add' : 'delete'} rule me 10.0.${at >> 8}.${at & 255}${at < 1000 ? ' actionin=block actionout=block' : ''}\n`,
        ).join(''),
      ),
  ],
  ['contexts that are pushed and never left', () => run('pushd ipsec static\n'.repeat(100_000))],
  ['options of a certificate without an end', () => run(`${add} rule R P L A rootca="${' certmap:yes'.repeat(5000)}"`)],
  [
    'an ipsecpol line of ten thousand filters',
    () => run(`ipsecpol -w REG -p P -r R -f ${'0+* '.repeat(10_000)}-n BLOCK`),
  ],
  [
    'names that are all the same',
    () => {
      const line = (at: number) => `ipsecpol -w REG -p P -r R${at} -f 0+* -n BLOCK\n`
      return run(Array.from({ length: 9000 }, (_, at) => line(at)).join(''))
    },
  ],
]

for (const [what, attack] of hostile) {
  test(`${what}: an end within seconds and within 512 MiB`, () => {
    const [before, heap] = [process.cpuUsage(), process.memoryUsage().heapUsed]
    attack()
    // Of this process alone: others may have the machine busy.
    const { user } = process.cpuUsage(before)
    assert.ok(user < 20_000_000, `${Math.round(user / 1000)} ms`)
    const grown = process.memoryUsage().heapUsed - heap
    assert.ok(grown < 512 * 1024 * 1024, `${grown >> 20} MiB`)
  })
}
