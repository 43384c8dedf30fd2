// The registry in memory: spellings, order, changes as a whole.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  applied,
  changesTo,
  childOf,
  emptyRegistry,
  keyAt,
  keysFrom,
  type RegistryChange,
  registryKey,
  spelledPath,
  valueAt,
} from './registry.ts'
import { compareNames, folded, isSameName, pathFault, pathNames } from './registry-name.ts'
import {
  dwordValue,
  multiStringValue,
  numberOf,
  qwordValue,
  stringValue,
  textOf,
  textsOf,
  typeName,
  utf16Octets,
  wholeNumberOf,
} from './value.ts'

const ipsec = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC'

test('a name is found under any spelling and keeps the first one', () => {
  const once = applied(emptyRegistry, [{ kind: 'set', key: ipsec, value: dwordValue('NoDefaultExempt', 1) }])
  const twice = applied(once, [{ kind: 'set', key: ipsec.toLowerCase(), value: dwordValue('nodefaultexempt', 3) }])
  assert.equal(numberOf(valueAt(twice, ipsec, 'NODEFAULTEXEMPT')!), 3)
  assert.equal(valueAt(twice, ipsec, '')?.name, undefined)
  assert.equal(valueAt(twice, ipsec, 'nodefaultexempt')!.name, 'NoDefaultExempt')
  assert.equal(
    spelledPath(twice, 'hklm\\system\\currentcontrolset\\services\\ipsec'),
    'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\IPSEC',
  )
  assert.equal(numberOf(valueAt(once, ipsec, 'NoDefaultExempt')!), 1)
})

test('letters are raised one by one, as Windows does: what has no capital of its own is another name', () => {
  assert.ok(isSameName('Größe', 'GRÖßE'))
  assert.ok(!isSameName('Größe', 'GRÖSSE'))
  assert.ok(!isSameName('ı', 'I'))
  assert.ok(!isSameName('µ', 'Μ'))
  assert.ok(isSameName('ÿ', 'Ÿ'))
  assert.ok(isSameName('σς', 'ΣΣ'))
  assert.ok(isSameName('привет', 'ПРИВЕТ'))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), name => folded(name).length === name.length),
    { seed: 1, numRuns: 2000 },
  )
})

test('short names of roots mean the long ones, and a path says what keeps it from being a key', () => {
  assert.deepEqual(pathNames('hkcu\\Software\\'), ['HKEY_CURRENT_USER', 'Software'])
  assert.equal(pathFault('HKLM\\SOFTWARE'), undefined)
  assert.match(pathFault('HKEY_NOWHERE\\A')!, /begin with one of HKEY_LOCAL_MACHINE/)
  assert.match(pathFault('HKLM\\A\\\\B')!, /empty/)
  assert.match(pathFault(`HKLM\\${'a'.repeat(256)}`)!, /255/)
  assert.equal(pathFault(`HKLM${'\\a'.repeat(512)}`), undefined)
  assert.match(pathFault(`HKLM${'\\a'.repeat(513)}`)!, /512/)
})

test('keys stand in the order of their names, values in the order in which they came', () => {
  const changes: RegistryChange[] = ['b', 'C', 'a', 'Ä'].map(name => ({ kind: 'create-key', key: `HKLM\\${name}` }))
  for (const name of ['z', 'a', 'Z']) changes.push({ kind: 'set', key: 'HKLM', value: stringValue(name, name) })
  const root = applied(emptyRegistry, changes)
  const key = keyAt(root, 'HKLM')!
  assert.deepEqual(
    key.keys.map(child => child.name),
    ['a', 'b', 'C', 'Ä'],
  )
  assert.deepEqual(
    key.values.map(value => [value.name, textOf(value)]),
    [
      ['z', 'Z'],
      ['a', 'a'],
    ],
  )
  assert.equal(childOf(key, 'ä')?.name, 'Ä')
})

test('deleting takes a key with all below it; what is not there is no fault; a value set afterwards makes it anew', () => {
  const full = applied(emptyRegistry, [
    { kind: 'create-key', key: 'HKLM\\A\\B\\C' },
    { kind: 'set', key: 'HKLM\\A', value: dwordValue('x', 1) },
  ])
  assert.equal(keyAt(applied(full, [{ kind: 'delete-key', key: 'hklm\\a\\b' }]), 'HKLM\\A\\B'), undefined)
  assert.deepEqual(applied(full, [{ kind: 'delete-key', key: 'HKLM\\X\\Y' }]), full)
  const again = applied(full, [
    { kind: 'delete-key', key: 'HKLM\\A' },
    { kind: 'set', key: 'HKLM\\a', value: dwordValue('y', 2) },
  ])
  assert.deepEqual(keyAt(again, 'HKLM\\A'), registryKey('a', [dwordValue('y', 2)]))
  assert.deepEqual(applied(full, [{ kind: 'delete-value', key: 'HKLM\\A', name: 'X' }]).keys[0]!.keys[0]!.values, [])
})

const names = fc.constantFrom('a', 'A', 'b', 'ß', 'ä', 'Ä', 'long name', '')
const keys = fc
  .array(
    names.filter(name => name !== ''),
    { maxLength: 4 },
  )
  .map(parts => ['HKLM', ...parts].join('\\'))
const change: fc.Arbitrary<RegistryChange> = fc.oneof(
  fc.record({ kind: fc.constant('create-key' as const), key: keys }),
  fc.record({ kind: fc.constant('delete-key' as const), key: keys }),
  fc.record({ kind: fc.constant('delete-value' as const), key: keys, name: names }),
  fc.record({
    kind: fc.constant('set' as const),
    key: keys,
    value: fc.tuple(names, fc.nat(9)).map(([name, number]) => dwordValue(name, number)),
  }),
)

test('changes one by one, changes as a whole and a plain table of paths come to the same, and a tree is its own changes', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), changes => {
      const whole = applied(emptyRegistry, changes)
      assert.deepEqual(
        changes.reduce((root, one) => applied(root, [one]), emptyRegistry),
        whole,
      )
      assert.deepEqual(applied(emptyRegistry, changesTo(whole, '')), whole)
      const table = new Map<string, Map<string, number>>()
      for (const one of changes) {
        const at = folded(pathNames(one.key).join('\\'))
        if (one.kind === 'delete-key') {
          for (const path of [...table.keys()]) if (`${path}\\`.startsWith(`${at}\\`)) table.delete(path)
        } else if (one.kind === 'delete-value') table.get(at)?.delete(folded(one.name))
        else {
          const parts = at.split('\\')
          parts.forEach((_, i) => {
            const path = parts.slice(0, i + 1).join('\\')
            if (!table.has(path)) table.set(path, new Map())
          })
          if (one.kind === 'set') table.get(at)!.set(folded(one.value.name), numberOf(one.value)!)
        }
      }
      const found = [...keysFrom(whole, '')].filter(({ path }) => path !== '')
      assert.deepEqual(
        new Map(
          found.map(({ path, key }) => [folded(path), new Map(key.values.map(v => [folded(v.name), numberOf(v)]))]),
        ),
        table,
      )
      for (const { key } of found)
        assert.deepEqual(
          [...key.keys].sort((a, b) => compareNames(a.name, b.name)),
          key.keys,
        )
    }),
    { seed: 1, numRuns: 1000 },
  )
})

test('values read what their type says and nothing else', () => {
  assert.deepEqual(textsOf(multiStringValue('m', ['a', 'bc'])), ['a', 'bc'])
  assert.deepEqual(textsOf(multiStringValue('m', [])), [])
  assert.equal(textOf(stringValue('s', 'päth\ud800')), 'päth\ud800')
  assert.equal(textOf({ name: '', type: 1, data: utf16Octets('no zero') }), 'no zero')
  assert.equal(textOf({ name: '', type: 1, data: Uint8Array.of(65) }), undefined)
  assert.equal(textOf(dwordValue('d', 1)), undefined)
  assert.equal(numberOf(stringValue('s', '1')), undefined)
  assert.equal(numberOf({ ...dwordValue('d', 0x01020304), type: 5 }), 0x04030201)
  assert.equal(numberOf({ name: '', type: 4, data: Uint8Array.of(1, 0) }), undefined)
  assert.equal(wholeNumberOf(qwordValue('q', 2n ** 64n - 1n)), 2n ** 64n - 1n)
  assert.equal(numberOf(qwordValue('q', 7n)), 7)
  assert.equal(numberOf(qwordValue('q', 2n ** 60n)), undefined)
  assert.deepEqual([typeName(4), typeName(12)], ['REG_DWORD', undefined])
})
