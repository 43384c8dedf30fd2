// Our .reg files and Samba's: what `sealwire reg export` writes, Samba's own registry reads, and what that exports we read, with
// nothing lost between the two.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { octetsOf } from '../../src/base/bytes.ts'
import { readRegText } from '../../src/settings/reg-text.ts'
import { applied, emptyRegistry, keyAt, type RegistryChange } from '../../src/settings/registry.ts'
import {
  binaryValue,
  dwordValue,
  expandStringValue,
  multiStringValue,
  qwordValue,
  type RegistryValue,
  stringValue,
} from '../../src/settings/value.ts'
import { writeRegText } from '../../src/settings/write-reg-text.ts'

const hasSamba = /net registry/.test(spawnSync('net', ['registry', '--help'], { encoding: 'utf8' }).stdout ?? '')
const skip = hasSamba ? false : 'skipped, because Samba’s “net registry” is not installed'
const KEY = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Sealwire'

const letters = fc.constantFrom(...'abcXYZ019 äöüß€яあ"\\%[];=,-@{}')
const text = fc.string({ unit: letters, maxLength: 60 })
const name = fc.string({ unit: letters, minLength: 1, maxLength: 20 })
const value: fc.Arbitrary<RegistryValue> = fc.oneof(
  fc.tuple(name, text).map(([name, text]) => stringValue(name, text)),
  fc.tuple(name, text).map(([name, text]) => expandStringValue(name, text)),
  fc.tuple(name, fc.array(text.filter(one => one !== ''))).map(([name, texts]) => multiStringValue(name, texts)),
  fc.tuple(name, fc.uint8Array({ maxLength: 200 })).map(([name, octets]) => binaryValue(name, octets)),
  fc.tuple(name, fc.integer({ min: 0, max: 0xffffffff })).map(([name, number]) => dwordValue(name, number)),
  fc.tuple(name, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map(([name, number]) => qwordValue(name, number)),
)

test('Samba reads what we export, and we read what it exports, value by value', { skip }, context => {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-samba-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const settings = ['private dir', 'lock directory', 'state directory', 'cache directory', 'pid directory'].map(
    (what, index) => {
      mkdirSync(join(folder, `d${index}`), { mode: 0o700 })
      return `${what} = ${join(folder, `d${index}`)}`
    },
  )
  const configuration = join(folder, 'smb.conf')
  writeFileSync(configuration, `[global]\n${settings.join('\n')}\n`)
  const net = (...words: readonly string[]) => {
    const ran = spawnSync('net', ['-s', configuration, 'registry', ...words], { encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stdout + ran.stderr)
  }
  const [values] = fc.sample(
    fc.uniqueArray(value, { minLength: 60, maxLength: 60, selector: ({ name }) => name.toUpperCase() }),
    {
      seed: 3,
      numRuns: 1,
    },
  )
  const changes: RegistryChange[] = values!.map((value, index) => ({
    kind: 'set',
    key: `${KEY}\\Sub ${index % 3}`,
    value,
  }))
  const ours = applied(emptyRegistry, changes)
  const written = writeRegText(keyAt(ours, KEY)!, KEY)
  assert.ok(written.ok)
  const [there, back] = [join(folder, 'there.reg'), join(folder, 'back.reg')]
  writeFileSync(there, written.value)
  net('import', there)
  net('export', KEY, back)
  const read = readRegText(octetsOf(readFileSync(back)), back)
  assert.ok(read.ok)
  assert.deepEqual(read.value.problems, [])
  const theirs = applied(emptyRegistry, read.value.changes)
  const plain = (root: typeof ours) =>
    (keyAt(root, KEY)?.keys ?? []).map(key => [
      key.name,
      key.values.map(({ name, type, data }) => `${name} ${type} ${data.toHex()}`).toSorted(),
    ])
  assert.deepEqual(plain(theirs), plain(ours))
})
