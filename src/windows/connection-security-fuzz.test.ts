// Hostile texts in every form: no reader throws or hangs, and what they make stays bounded. Seeded, so that a failure repeats.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registryKey } from '../settings/registry.ts'
import { stringValue } from '../settings/value.ts'
import { runAdvfirewall } from './advfirewall-session.ts'
import { showRules } from './advfirewall-show.ts'
import { readShownGlobal, readShownRules } from './advfirewall-shown.ts'
import { writeAdvfirewall } from './advfirewall-write.ts'
import { readRulesJson } from './connection-security-json.ts'
import { writeRulesJson } from './connection-security-json-writer.ts'
import { readRegistryPolicy, writeRegistryPolicy } from './connection-security-registry.ts'
import { readMainModeRuleText, readRuleText, writeRuleText } from './connection-security-text.ts'
import { toPolicy } from './connection-security-to-policy.ts'
import { runPowerShell } from './powershell-run.ts'
import { writePowerShell } from './powershell-write.ts'
import { type Draw, randomConnectionSecurityPolicy, seeded } from './test-connection-security.ts'

const RUNS = 1500

const bits = [
  '|',
  '=',
  ',',
  '-',
  '"',
  "'",
  '^',
  '%',
  '\n',
  '\r\n',
  '$',
  '`',
  '@{',
  '}',
  '@(',
  ')',
  '(',
  '{',
  '<#',
  '#>',
  '#',
  ':',
  '+',
  '\\"',
  '\0',
  '\ud800',
  'é',
  '*',
  '&',
  ' ',
  'any',
  'Any',
  '0',
  '65536',
  'v2.10|',
  '[',
  ']',
  ';',
  '.',
  '–',
  '“',
  '255.255.255.255',
  '::',
  '/33',
]

function mutated(draw: Draw, text: string): string {
  let changed = text
  const times = 1 + Math.floor(draw() * 4)
  for (let index = 0; index < times; index++) {
    const at = Math.floor(draw() * (changed.length + 1))
    const length = draw() < 0.5 ? Math.floor(draw() * 12) : 0
    const bit = draw() < 0.8 ? bits[Math.floor(draw() * bits.length)]! : changed.slice(at, at + Math.floor(draw() * 60))
    changed = changed.slice(0, at) + bit + changed.slice(at + length)
  }
  return changed
}

const readers: readonly { readonly form: string; write(seed: number): string; read(text: string): void }[] = [
  {
    form: 'registry strings',
    write: seed => writeRuleText(randomConnectionSecurityPolicy(seeded(seed), 'wild').rules[0]!).value,
    read: text => {
      const { value } = readRuleText('id', text, 'x')
      readMainModeRuleText('id', text, 'x')
      if (value !== undefined) assert.equal(writeRuleText(value).value, text)
    },
  },
  {
    form: 'netsh commands',
    write: seed => writeAdvfirewall(randomConnectionSecurityPolicy(seeded(seed), 'plain')).value,
    read: text => {
      const { policy } = runAdvfirewall(text, 'x')
      writeAdvfirewall(policy)
      toPolicy(policy)
    },
  },
  {
    form: 'print-outs of netsh',
    write: seed => showRules(randomConnectionSecurityPolicy(seeded(seed), 'plain')).value,
    read: text => {
      showRules(readShownRules(text, 'x').value)
      readShownGlobal(text, 'x')
    },
  },
  {
    form: 'PowerShell scripts',
    write: seed => writePowerShell(randomConnectionSecurityPolicy(seeded(seed), 'plain')).value,
    read: text => {
      const { value } = runPowerShell(text, 'x')
      writePowerShell(value)
      toPolicy(value)
    },
  },
  {
    form: 'JSON',
    write: seed => writeRulesJson(randomConnectionSecurityPolicy(seeded(seed), 'wild').rules).value,
    read: text => void writeRulesJson(readRulesJson(text, 'x').value),
  },
]

for (const { form, write, read } of readers) {
  test(`${RUNS} damaged ${form} neither throw nor hang`, () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const draw = seeded(seed)
      const text = mutated(draw, write(1 + (seed % 50)))
      const before = performance.now()
      try {
        read(text)
      } catch (error) {
        assert.fail(`seed ${seed}: ${String(error)}\n${(error as Error).stack}\n${JSON.stringify(text).slice(0, 2000)}`)
      }
      assert.ok(performance.now() - before < 5000, `seed ${seed} took too long`)
    }
  })
}

test(`${500} damaged keys of a registry neither throw nor hang`, () => {
  for (let seed = 1; seed <= 500; seed++) {
    const draw = seeded(seed)
    const { value } = writeRegistryPolicy(
      randomConnectionSecurityPolicy(draw, 'wild'),
      seed % 2 === 0 ? 'local' : 'group-policy',
    )
    const damage = (key: typeof value): typeof value =>
      registryKey(
        draw() < 0.02 ? mutated(draw, key.name) || 'x' : key.name,
        key.values.map(one =>
          draw() < 0.1
            ? { ...one, data: one.data.slice(0, Math.floor(draw() * 9)) }
            : draw() < 0.05
              ? stringValue(mutated(draw, one.name), 'x')
              : one,
        ),
        key.keys.map(damage),
      )
    const { value: policy } = readRegistryPolicy(damage(value), 'k')
    writeRegistryPolicy(policy, 'local')
    toPolicy(policy)
  }
})

/** Each made to make a reader work or remember far more than the text is long. */
const hostile: readonly (readonly [string, () => unknown])[] = [
  ['a rule of a million bars', () => readRuleText('i', `v2.10|${'|'.repeat(1_000_000)}`, 'x')],
  [
    'a rule of 9,000 keywords',
    () => readRuleText('i', `v2.10|Action=Secure|Name=x|${'EP1_4=DNS|EP1_6=WINS|'.repeat(4500)}`, 'x'),
  ],
  ['a line of four million quotes', () => runAdvfirewall('"'.repeat(4_000_000), 'x')],
  ['two million lines of nothing known', () => runAdvfirewall('x\n'.repeat(2_000_000), 'x')],
  [
    'variables of netsh that double',
    () => runAdvfirewall(`set a=${'x'.repeat(1000)}\n${'set a=%a%%a%\n'.repeat(5000)}`, 'x'),
  ],
  [
    'all rules changed and shown again and again',
    () =>
      runAdvfirewall(
        `${'netsh advfirewall consec add rule name=x endpoint1=any endpoint2=any action=noauthentication\n'.repeat(3000)}${'netsh advfirewall consec set rule name=all new enable=no\nnetsh advfirewall consec show rule name=all verbose\n'.repeat(3000)}`,
        'x',
      ),
  ],
  ['texts of PowerShell that double', () => runPowerShell(`$a = 'xxxxxxxx'\n${'$a = "$a$a"\n'.repeat(5000)}`, 'x')],
  ['lists of PowerShell that double', () => runPowerShell(`$a = 1,2,3\n${'$a = $a,$a\n'.repeat(5000)}`, 'x')],
  ['a million open parentheses', () => runPowerShell('('.repeat(1_000_000), 'x')],
  ['a million tables in tables', () => runPowerShell(`$a = ${'@{a='.repeat(1_000_000)}`, 'x')],
  ['many statements that fail late', () => runPowerShell('"$(\n'.repeat(500_000), 'x')],
  ['comments that never end', () => runPowerShell('<#\n'.repeat(1_000_000), 'x')],
  [
    'wildcards against a long name',
    () =>
      runPowerShell(
        `New-NetIPsecRule -DisplayName '${'a'.repeat(50_000)}' -InboundSecurity None -OutboundSecurity None\nGet-NetIPsecRule -DisplayName '${'*a'.repeat(2000)}b'`,
        'x',
      ),
  ],
  ['JSON a million lists deep', () => readRulesJson('['.repeat(1_000_000), 'x')],
  [
    'JSON a million closed lists deep',
    () => readRulesJson(`{"Name":"a","DisplayName":"b","Mode":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`, 'x'),
  ],
  [
    'JSON of objects that say how they are printed',
    () => readRulesJson('[{"Mode":{"toString":1},"KeyModule":{"valueOf":1},"Profiles":[{"toString":1}]}]', 'x'),
  ],
  ['a print-out of two million lines', () => readShownRules('Rule Name: x\n'.repeat(300_000), 'x')],
  [
    'lists of addresses and ports that multiply',
    () => {
      const hosts = Array.from({ length: 2000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`).join(',')
      return toPolicy(
        runAdvfirewall(
          `netsh advfirewall consec add rule name=x endpoint1=${hosts} endpoint2=${hosts} action=requireinrequireout`,
          'x',
        ).policy,
      )
    },
  ],
]

for (const [what, attack] of hostile) {
  test(`${what}: an end within seconds and within 512 MiB`, () => {
    const [before, heap] = [performance.now(), process.memoryUsage().heapUsed]
    attack()
    assert.ok(performance.now() - before < 20_000, `${Math.round(performance.now() - before)} ms`)
    assert.ok(
      process.memoryUsage().heapUsed - heap < 512 * 1024 * 1024,
      `${(process.memoryUsage().heapUsed - heap) >> 20} MiB`,
    )
  })
}
