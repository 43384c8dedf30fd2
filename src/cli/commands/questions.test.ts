// `explain`, `prove` and `compare` as a person meets them: what is printed, as JSON and in words, the exit status, and
// wrong input, of which every fault is told at once.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandInput, CommandSpec } from '../command.ts'
import { type Ran, runCommand } from '../test-run.ts'
import { compare } from './compare.ts'
import { explain } from './explain.ts'
import { prove } from './prove.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-'))
after(() => rmSync(folder, { recursive: true }))

function policyFile(name: string, changes: object = {}, rule: object = {}): string {
  const file = join(folder, `${name}.json`)
  const everything = {
    name: 'Everything',
    filters: [{ source: '10.54.0.1', destination: '10.54.0.2', mirrored: true }],
    action: 'negotiate',
    mode: 'transport',
    security: ['esp-aes256gcm16'],
    keying: ['ikev2'],
    authentication: [{ preSharedKey: 'a secret of the test' }],
    ...rule,
  }
  writeFileSync(file, JSON.stringify({ name, profile: 'windows-xp', rules: [everything], ...changes }))
  return file
}

const xp = policyFile('xp')
const strict = policyFile('strict', { profile: 'strict' })
const vista = policyFile('vista', { profile: 'windows-vista' })
const falling = policyFile('falling', { profile: 'strict' }, { fallBackToClear: true })

function run(command: CommandSpec, options: CommandInput['options']): Promise<Ran> {
  return runCommand(command, [], options)
}

async function json(command: CommandSpec, options: Record<string, string | readonly string[] | true>) {
  const { status, out } = await run(command, { ...options, json: true })
  return { status, value: JSON.parse(out) }
}

const kerberos = {
  source: '10.54.0.1',
  destination: '10.54.0.2',
  protocol: 'tcp',
  sourcePort: '49152',
  destinationPort: '88',
}
const pair = ['10.54.0.1', '10.54.0.2']

test('explain tells the verdict, its reason, and what other values of the setting would do', async () => {
  const { status, value } = await json(explain, { policy: xp, ...kerberos })
  assert.equal(status, 0)
  assert.deepEqual(
    [value.verdict, value.action, value.reason, value.rule],
    ['exempt', 'permit', { kind: 'exemption', exemption: 'kerberos' }, null],
  )
  assert.match(value.because, /^it is Kerberos /)
  assert.deepEqual(value.flow, {
    source: '10.54.0.1',
    destination: '10.54.0.2',
    protocol: 6,
    protocolName: 'tcp',
    sourcePort: 49152,
    destinationPort: 88,
  })
  assert.deepEqual(value.setting, { name: 'NoDefaultExempt', value: 0, from: 'default' })
  assert.deepEqual(value.atOtherValues[0].values, [1, 3])
  assert.equal(value.alsoMatched[0].rule, 'Everything')
})

test('explain takes another value of the setting, and names the rule that decides', async () => {
  const { value } = await json(explain, { policy: xp, ...kerberos, noDefaultExempt: '1' })
  assert.deepEqual([value.verdict, value.action, value.rule], ['protected', 'negotiate', 'Everything'])
  assert.deepEqual(value.reason, { kind: 'filter', rule: 'Everything', filter: 'any protocol 10.54.0.1 ↔ 10.54.0.2' })
})

test('explain judges on the host that the direction means, or on the one that is named', async () => {
  const mine = policyFile(
    'mine',
    { profile: 'strict' },
    { filters: [{ source: 'me', destination: 'any', mirrored: false }] },
  )
  const verdict = async (more: Record<string, string | string[]>) =>
    (await json(explain, { policy: mine, ...kerberos, ...more })).value.verdict
  assert.equal(await verdict({}), 'protected')
  assert.equal(await verdict({ direction: 'in' }), 'permitted')
  assert.equal(await verdict({ me: ['10.54.0.2'] }), 'permitted')
  assert.equal(await verdict({ me: ['10.54.0.2,10.54.0.1'] }), 'protected')
  const { value } = await json(explain, { policy: mine, ...kerberos, me: ['10.0.0.9'] })
  assert.deepEqual(value.notes, ['neither of its addresses is one of --me'])
})

test('explain in words is a verdict, the filters that lost, other values, and notes', async () => {
  const { out } = await run(explain, { policy: xp, source: '10.54.0.1', destination: '10.54.0.2', protocol: 'udp' })
  assert.match(out, /^udp 10\.54\.0\.1 → 10\.54\.0\.2 \(a later fragment\) {2}as it leaves\n/)
  assert.match(out, /\nprotected: rule “Everything” secures it: any protocol 10\.54\.0\.1 ↔ 10\.54\.0\.2\n/)
  assert.match(out, /\nAt other values of NoDefaultExempt:\n {2}1, 2, 3 {2}protected /)
  assert.match(out, /\nNote: without ports it is a later fragment/)
})

test('prove answers 0 and true where nothing leaves in clear', async () => {
  const { status, value } = await json(prove, { policy: strict, between: pair })
  assert.equal(status, 0)
  assert.deepEqual([value.proved, value.outcome, value.counterExample, value.because], [true, 'proved', null, null])
  const { out } = await run(prove, { policy: strict, between: pair })
  assert.match(out, /proved: no packet between 10\.54\.0\.1 and 10\.54\.0\.2 leaves in clear\./)
})

test('prove answers 1 and the smallest counter-example where something does', async () => {
  const { status, value } = await json(prove, { policy: xp, between: pair })
  assert.equal(status, 1)
  assert.equal(value.proved, false)
  const { source, destination, protocol, sourcePort, destinationPort } = value.counterExample
  assert.deepEqual([source, destination, protocol, sourcePort, destinationPort], ['10.54.0.1', '10.54.0.2', 6, 0, 88])
  assert.match(value.because, /^it is Kerberos /)
  assert.deepEqual(value.reason, { kind: 'exemption', exemption: 'kerberos' })
  assert.deepEqual(
    value.reasons.map((each: { reason: unknown }) => each.reason),
    [
      { kind: 'exemption', exemption: 'kerberos' },
      { kind: 'exemption', exemption: 'rsvp' },
    ],
  )
  const { out } = await run(prove, { policy: xp, between: pair })
  assert.match(out, /refuted: .* the smallest packet that does is\n {2}tcp 10\.54\.0\.1:0 → 10\.54\.0\.2:88\n/)
})

test('prove takes another value of the setting', async () => {
  assert.equal((await json(prove, { policy: xp, between: pair, noDefaultExempt: '0x1' })).value.proved, true)
  assert.equal((await json(prove, { policy: vista, between: pair, ipsecExempt: '0' })).value.proved, true)
  assert.equal(
    (await json(prove, { policy: vista, between: pair, ipsecExempt: '2' })).value.because.slice(0, 10),
    'it is ICMP',
  )
})

test('prove counts a rule that may fall back, and says so', async () => {
  const { out, status } = await run(prove, { policy: falling, between: pair })
  assert.equal(status, 1)
  assert.match(out, /rule “Everything” secures it but falls back to clear/)
})

test('prove tells a counter-example without ports with null ports', async () => {
  const { value } = await json(prove, { policy: strict, between: ['10.54.0.1', '10.54.0.0/30'] })
  assert.deepEqual([value.counterExample.sourcePort, value.counterExample.destinationPort], [null, null])
  assert.deepEqual(value.between, { a: '10.54.0.1', b: '10.54.0.0/30' })
})

test('compare tells what becomes secured, with the exact regions', async () => {
  const { status, value } = await json(compare, { policy: xp, noDefaultExempt: ['0', '1'] })
  assert.equal(status, 0)
  const [{ from, to, changes, stillExempt, isComplete, areRegionsWhole }] = value.comparisons
  assert.deepEqual([from, to, isComplete, areRegionsWhole], [0, 1, true, true])
  assert.deepEqual(stillExempt, ['ike', 'multicast', 'broadcast'])
  const [first] = changes
  assert.deepEqual(
    [first.effect, first.exemption, first.before.verdict, first.after.verdict],
    ['becomes secured', 'kerberos', 'exempt', 'protected'],
  )
  assert.match(
    first.sentence,
    / between 10\.54\.0\.1 and 10\.54\.0\.2: was exempt, becomes sealed by rule “Everything”$/,
  )
  assert.deepEqual(
    first.regions.slice(0, 3).map((region: Record<string, string>) => Object.values(region).join(' ')),
    ['10.54.0.1 10.54.0.2 tcp 88 any', '10.54.0.2 10.54.0.1 tcp 88 any', '10.54.0.1 10.54.0.2 tcp 0-87 88'],
  )
})

test('compare takes several values and compares each with the next', async () => {
  const { value } = await json(compare, { policy: xp, noDefaultExempt: ['0', '1', '3', '0'] })
  assert.deepEqual(
    value.comparisons.map(({ from, to }: { from: number; to: number }) => `${from} → ${to}`),
    ['0 → 1', '1 → 3', '3 → 0'],
  )
  const { out } = await run(compare, { policy: xp, noDefaultExempt: ['0', '1'] })
  assert.match(out, /NoDefaultExempt 0 → 1\nBecomes secured\n {2}Kerberos /)
  assert.match(out, /\nStays clear\n {2}Kerberos .* that no filter matches: was exempt, stays in clear\n/)
  assert.match(out, /\nStays exempt: IKE, Multicast, Broadcast\n/)
})

test('compare compares the mask of Vista', async () => {
  const { value } = await json(compare, { policy: vista, ipsecExempt: ['9', '2'] })
  assert.equal(value.setting, 'IPsecExempt')
  const [icmp] = value.comparisons[0].changes.filter((change: { exemption: string }) => change.exemption === 'icmp')
  assert.equal(icmp.effect, 'becomes clear')
  assert.deepEqual(icmp.regions, [
    { source: '10.54.0.1', destination: '10.54.0.2', protocol: 'icmp', icmpType: 'any' },
    { source: '10.54.0.2', destination: '10.54.0.1', protocol: 'icmp', icmpType: 'any' },
  ])
})

/** Wrong input: the command, its options, and what is said, in this order. */
const wrong: readonly (readonly [
  string,
  CommandSpec,
  Record<string, string | readonly string[]>,
  readonly RegExp[],
])[] = [
  [
    'nothing at all',
    explain,
    {},
    [/--policy: is missing/, /--source: is missing/, /--destination: is missing/, /--protocol: is missing/],
  ],
  [
    'many faults',
    explain,
    {
      policy: join(folder, 'none.yaml'),
      source: '10.54.0.300',
      destination: 'fd00::1',
      protocol: 'icmp',
      sourcePort: '70000',
      direction: 'up',
      noDefaultExempt: 'x',
    },
    [
      /none\.yaml: there is no such file/,
      /--source: /,
      /--source-port: “70000” is no port/,
      /only TCP and UDP have ports/,
      /--direction: “up”/,
      /--no-default-exempt: “x”/,
    ],
  ],
  [
    'two IP versions',
    explain,
    { policy: xp, ...kerberos, destination: 'fd00::1' },
    [/--destination: is not of the IP version of --source/],
  ],
  [
    'a type of TCP',
    explain,
    { policy: xp, ...kerberos, icmpType: '8' },
    [/--icmp-type: only ICMP and ICMPv6 have types/],
  ],
  ['any protocol', explain, { policy: xp, ...kerberos, protocol: 'any' }, [/--protocol: a packet is of one protocol/]],
  ['a name in the place of an own address', explain, { policy: xp, ...kerberos, me: ['dc1'] }, [/--me: /]],
  [
    'a value out of range',
    explain,
    { policy: xp, ...kerberos, noDefaultExempt: '4' },
    [/--no-default-exempt: 4 is out of range for Windows XP \(write one of 0, 1, 2, 3\)/],
  ],
  [
    'a setting that strict does not read',
    explain,
    { policy: strict, ...kerberos, noDefaultExempt: '0' },
    [/strict does not read NoDefaultExempt/],
  ],
  [
    'the setting of another Windows',
    prove,
    { policy: vista, between: pair, noDefaultExempt: '0' },
    [/does not read NoDefaultExempt \(use --ipsec-exempt\)/],
  ],
  ['one address', prove, { policy: xp, between: ['10.54.0.1'] }, [/--between: takes two addresses, not 1/]],
  [
    'three addresses, one wrong',
    prove,
    { policy: xp, between: ['10.54.0.1', 'x', '10.54.0.2'] },
    [/takes two addresses, not 3/, /--between: /],
  ],
  [
    'two families',
    prove,
    { policy: xp, between: ['10.54.0.1', 'fd00::/64'] },
    [/10\.54\.0\.1 and fd00::\/64 are of different IP versions/],
  ],
  ['a host and itself', prove, { policy: xp, between: ['10.54.0.1', '10.54.0.1'] }, [/both are the same host/]],
  ['me', prove, { policy: xp, between: ['me', 'any'] }, [/“me” is every host here/]],
  ['no values', compare, { policy: vista }, [/--ipsec-exempt: is missing \(as in --ipsec-exempt 0 1\)/]],
  ['one value', compare, { policy: xp, noDefaultExempt: ['1'] }, [/--no-default-exempt: takes two values or more/]],
  [
    'values out of range, each told',
    compare,
    { policy: xp, noDefaultExempt: ['0', '7', '9'] },
    [/: 7 is out of range/, /: 9 is out of range/],
  ],
  [
    'both settings',
    compare,
    { policy: xp, noDefaultExempt: ['0', '1'], ipsecExempt: ['0', '1'] },
    [/stands beside --no-default-exempt/, /does not read IPsecExempt/],
  ],
  [
    'no policy and no number',
    compare,
    { noDefaultExempt: ['0', 'one'] },
    [/--policy: is missing/, /“one” is no value of a setting/],
  ],
]

for (const [what, command, options, patterns] of wrong) {
  test(`${command.name} refuses ${what} with every problem and status 2`, async () => {
    const { status, out, said } = await run(command, options)
    assert.deepEqual([status, out], [2, ''])
    const lines = said.trimEnd().split('\n')
    assert.equal(lines.length, patterns.length, said)
    lines.forEach((line, index) => {
      assert.match(line, patterns[index]!)
      assert.match(line, /^error: /)
    })
  })
}
