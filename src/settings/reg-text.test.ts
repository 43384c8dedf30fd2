// .reg files both ways: every form of a line, every fault of one, and nothing lost on the way there and back.
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { octetsOf } from '../base/bytes.ts'
import { ansiOctets, ansiText } from './reg-encoding.ts'
import { type RegForm, readRegText, regForms } from './reg-text.ts'
import { applied, emptyRegistry, type RegistryChange, type RegistryKey } from './registry.ts'
import { expandStringValue, multiStringValue, stringValue, utf16Octets, valueTypes } from './value.ts'
import { writeRegChanges, writeRegText } from './write-reg-text.ts'

const testdata = join(import.meta.dirname, '../../../shared/testdata/registry/reg')
const v5 = 'Windows Registry Editor Version 5.00'

/** Reads lines in UTF-16LE with a mark, and without a fault. */
function read(header: RegForm, ...lines: string[]): readonly RegistryChange[] {
  const text = [header, '', ...lines, ''].join('\r\n')
  const result = readRegText(header === 'REGEDIT4' ? ansiOctets(text)! : utf16Octets(`\ufeff${text}`), 'a.reg')
  assert.ok(result.ok)
  assert.deepEqual(result.value.problems, [])
  return result.value.changes
}

function firstValue(header: RegForm, ...lines: string[]) {
  const [, change] = read(header, '[HKLM\\K]', ...lines)
  assert.equal(change?.kind, 'set')
  return change.value
}

test('the value of the KB is read and written as regedit has it', () => {
  const lines = [
    v5,
    '',
    '[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\IPSEC]',
    '"NoDefaultExempt"=dword:00000001',
    '',
    '',
  ]
  const file = utf16Octets(`\ufeff${lines.join('\r\n')}`)
  const result = readRegText(file, 'kb.reg')
  assert.ok(result.ok)
  assert.deepEqual(writeRegChanges(result.value.changes), { ok: true, value: file })
})

test('every type of value has its form, and numbers of types that nobody named are kept', () => {
  const octets = Uint8Array.of(1, 2, 255)
  assert.deepEqual(firstValue(v5, '"a"=hex:01,2,ff'), { name: 'a', type: valueTypes.REG_BINARY, data: octets })
  assert.deepEqual(firstValue(v5, '"a"=HEX(b): 01, 02,FF ; why'), { name: 'a', type: 11, data: octets })
  assert.deepEqual(firstValue(v5, '"a"=hex(ffff0012):01,02,ff,'), { name: 'a', type: 0xffff0012, data: octets })
  assert.deepEqual(firstValue(v5, '"a"=hex(0):').data, new Uint8Array())
  assert.deepEqual(firstValue(v5, '@="b"'), stringValue('', 'b'))
  assert.deepEqual(firstValue(v5, '  "a" = "C:\\\\x \\"y\\""  ; why'), stringValue('a', 'C:\\x "y"'))
  assert.deepEqual([...firstValue(v5, '"a"=dword:ff').data], [255, 0, 0, 0])
})

test('lines go on behind a backslash, and texts of regedit over line ends', () => {
  assert.deepEqual([...firstValue(v5, '"a"=hex:01,02,\\', '  03,\\  ; why', '  04').data], [1, 2, 3, 4])
  assert.deepEqual(firstValue(v5, '"a"="one', 'two"'), stringValue('a', 'one\r\ntwo'))
})

test('in REGEDIT4 octets of texts are ANSI, in Version 5.00 they are UTF-16', () => {
  assert.deepEqual(firstValue('REGEDIT4', '"a"=hex(2):25,80,25,00'), expandStringValue('a', '%€%'))
  assert.deepEqual(firstValue('REGEDIT4', '"a"=hex(7):61,00,e4,00,00'), multiStringValue('a', ['a', 'ä']))
  assert.deepEqual(firstValue(v5, '"a"=hex(7):61,00,00,00,00,00'), multiStringValue('a', ['a']))
  assert.deepEqual(firstValue('REGEDIT4', '"ä"="€"'), stringValue('ä', '€'))
})

test('keys and values are deleted, and brackets in names are no end', () => {
  assert.deepEqual(read(v5, '[-HKLM\\A\\B]', '[hkey_local_machine\\C[1]]', '"x"=-', '@=-  ; why'), [
    { kind: 'delete-key', key: 'HKEY_LOCAL_MACHINE\\A\\B' },
    { kind: 'create-key', key: 'HKEY_LOCAL_MACHINE\\C[1]' },
    { kind: 'delete-value', key: 'HKEY_LOCAL_MACHINE\\C[1]', name: 'x' },
    { kind: 'delete-value', key: 'HKEY_LOCAL_MACHINE\\C[1]', name: '' },
  ])
})

test('the same file is read from UTF-16 of either order with and without a mark, UTF-8 and ANSI', () => {
  const text = `${v5}\r\n\r\n[HKLM\\Käse]\r\n"ü"="é"\r\n`
  const swapped = (octets: Uint8Array) => octetsOf(Buffer.from(octets).swap16())
  const forms: readonly (readonly [string, Uint8Array])[] = [
    ['utf-16le', utf16Octets(`\ufeff${text}`)],
    ['utf-16le', utf16Octets(text)],
    ['utf-16be', swapped(utf16Octets(`\ufeff${text}`))],
    ['utf-16be', swapped(utf16Octets(text))],
    ['utf-8', octetsOf(Buffer.from(text))],
    ['utf-8', octetsOf(Buffer.from(`\ufeff${text}`))],
    ['windows-1252', ansiOctets(text)!],
  ]
  for (const [encoding, octets] of forms) {
    const result = readRegText(octets, 'a.reg')
    assert.ok(result.ok)
    assert.equal(result.value.encoding, encoding)
    assert.deepEqual(result.value.changes.at(-1), {
      kind: 'set',
      key: 'HKEY_LOCAL_MACHINE\\Käse',
      value: stringValue('ü', 'é'),
    })
  }
})

const faults: readonly (readonly [string, RegExp])[] = [
  ['"a"=dword:123456789', /a\.reg:4: dword: takes/],
  ['"a"=dword:', /dword: takes/],
  ['"a"=string:1', /a\.reg:4: “string” is no type/],
  ['"a"=hex(x):1', /no type/],
  ['"a"=hex:1,,2', /no list of octets/],
  ['"a"=hex:123', /no list of octets/],
  ['"a"=hex:1,\\', /no list of octets/],
  ['"a"="b', /does not end with a quotation mark/],
  ['"a"="b"c', /more behind the quotation mark/],
  ['"a', /name of the value does not end/],
  ['"a":1', /no “=”/],
  ['a=1', /neither a key, a value nor a comment/],
  ['[HKLM\\A', /does not end with “\]”/],
  ['[HKEY_NOWHERE\\A]', /is no key/],
  ['[-HKEY_LOCAL_MACHINE]', /a root cannot be deleted/],
  ['[-HKLM\\B]\r\n"a"="b"', /a\.reg:5: the value belongs to a key that is deleted/],
  ['"a"="\\b"', /a backslash that stands alone/],
]
for (const [line, expected] of faults) {
  test(`${JSON.stringify(line)} is a problem with its line, and the lines around it are read`, () => {
    const last = line.endsWith('\\') || line.endsWith('"b') || line === '"a' ? '' : '\r\n[HKLM\\C]'
    const result = readRegText(utf16Octets(`${v5}\r\n\r\n[HKLM\\A]\r\n${line}${last}`), 'a.reg')
    assert.ok(result.ok)
    const { problems, changes } = result.value
    assert.equal(problems.length, 1)
    assert.match(`${problems[0]!.where}: ${problems[0]!.what}`, expected)
    if (last !== '') assert.equal(changes.at(-1)?.key, 'HKEY_LOCAL_MACHINE\\C')
  })
}

test('a value in front of every key, and what is no .reg file, is told', () => {
  const result = readRegText(utf16Octets(`${v5}\n"a"="b"`), 'a.reg')
  assert.match((result.ok && result.value.problems[0]?.what) || '', /in front of every key/)
  assert.equal(readRegText(new Uint8Array(), 'a.reg').ok, false)
  assert.equal(readRegText(utf16Octets('REGEDIT5\r\n'), 'a.reg').ok, false)
})

test('a file that ends in the middle of a character is told of', () => {
  const result = readRegText(utf16Octets(`${v5}\n[HKLM\\A]\n`).subarray(0, -1), 'a.reg')
  assert.match((result.ok && result.value.problems[0]?.what) || '', /middle of a character/)
})

test('a file of nothing but faults is told of with a bounded list', () => {
  const result = readRegText(octetsOf(Buffer.from(`REGEDIT4\n${'x\n'.repeat(100_000)}`)), 'a.reg')
  assert.ok(result.ok)
  assert.equal(result.value.problems.length, 201)
  assert.match(result.value.problems.at(-1)!.what, /99800 more/)
})

test('every octet is a character of code page 1252 and comes back', () => {
  const all = Uint8Array.from({ length: 256 }, (_, octet) => octet)
  assert.deepEqual(ansiOctets(ansiText(all)), all)
  assert.equal(ansiText(Uint8Array.of(0x80, 0x9f)), '€Ÿ')
  assert.equal(ansiOctets('я'), undefined)
})

const anyName = fc.string({ unit: 'binary', maxLength: 12 })
const keyName = anyName.filter(name => name !== '' && !/[\\\r\n\0]/.test(name))
const anyValue = fc.oneof(
  fc.record({
    name: anyName,
    type: fc.oneof(fc.nat(12), fc.integer({ min: 0, max: 0xffffffff })),
    data: fc.uint8Array({ maxLength: 90 }),
  }),
  fc.tuple(anyName, anyName).map(([name, text]) => stringValue(name, text)),
  fc.tuple(anyName, fc.array(anyName)).map(([name, texts]) => multiStringValue(name, texts)),
)
const anyChange: fc.Arbitrary<RegistryChange> = fc
  .tuple(fc.array(keyName, { minLength: 1, maxLength: 3 }), fc.option(anyValue))
  .map(([names, value]) => {
    const key = ['HKEY_LOCAL_MACHINE', ...names].join('\\')
    return value === null ? { kind: 'create-key', key } : { kind: 'set', key, value }
  })

function tree(changes: readonly RegistryChange[]): RegistryKey {
  return applied(emptyRegistry, changes)
}

test('any registry written is read as the same, and written again is the same file, octet by octet', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 12 }), changes => {
      const registry = tree(changes)
      const file = writeRegText(registry, '')
      assert.ok(file.ok)
      const back = readRegText(file.value, 'a.reg')
      assert.ok(back.ok)
      assert.deepEqual(back.value.problems, [])
      assert.deepEqual(tree(back.value.changes), registry)
      assert.deepEqual(writeRegText(tree(back.value.changes), ''), file)
    }),
    { seed: 1, numRuns: 2000 },
  )
})

test('REGEDIT4 brings back what it can hold, and refuses what it cannot', () => {
  let refused = 0
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 3 }), changes => {
      const registry = tree(changes)
      const file = writeRegText(registry, '', 'REGEDIT4')
      if (!file.ok) return void refused++
      const back = readRegText(file.value, 'a.reg')
      assert.ok(back.ok)
      assert.deepEqual(back.value.problems, [])
      assert.deepEqual(tree(back.value.changes), registry)
    }),
    { seed: 1, numRuns: 2000 },
  )
  assert.ok(refused > 100)
})

test('20000 damaged files end in changes or problems, quickly', () => {
  const good = writeRegText(
    tree([
      { kind: 'set', key: 'HKLM\\A', value: stringValue('a"\\b', 'text "in" quotes') },
      { kind: 'set', key: 'HKLM\\A\\B[]', value: { name: '', type: 3, data: new Uint8Array(80) } },
      { kind: 'set', key: 'HKLM\\C', value: multiStringValue('m', ['x', 'y']) },
    ]),
    '',
  )
  assert.ok(good.ok)
  const snippet = fc.constantFrom(
    '"',
    '\\',
    '[',
    ']',
    '-',
    '=',
    '\r\n',
    ';',
    'hex(',
    'dword:',
    ',',
    '@',
    '\0',
    'HKLM',
    ' ',
  )
  const damage = fc.array(fc.tuple(fc.nat(good.value.length / 2), fc.nat(20), fc.array(snippet, { maxLength: 4 })), {
    maxLength: 6,
  })
  const text = Buffer.from(good.value).toString('utf16le')
  fc.assert(
    fc.property(damage, fc.nat(3), (cuts, encoding) => {
      let file = text
      for (const [at, length, put] of cuts) file = file.slice(0, at) + put.join('') + file.slice(at + length)
      const octets = [
        () => utf16Octets(file),
        () => octetsOf(Buffer.from(file)),
        () => ansiOctets(file.slice(1)) ?? new Uint8Array(),
        () => utf16Octets(file).subarray(1),
      ][encoding]!()
      const result = readRegText(octets, 'a.reg')
      if (!result.ok) return
      const again = writeRegChanges(result.value.changes)
      assert.ok(again.ok)
      const back = readRegText(again.value, 'a.reg')
      assert.ok(back.ok)
      assert.deepEqual(back.value.problems, [])
      assert.deepEqual(tree(back.value.changes), tree(result.value.changes))
    }),
    { seed: 1, numRuns: 20_000 },
  )
})

const skip = existsSync(testdata) ? false : 'the .reg files of the test data are not on this machine'
test('every .reg file of other people is read whole, and export, import, export gives the same file', {
  skip,
}, () => {
  const files = globSync('**/*.reg', { cwd: testdata }).toSorted()
  assert.ok(files.length >= 23)
  for (const file of files) {
    const octets = octetsOf(readFileSync(join(testdata, file)))
    const first = readRegText(octets, file)
    assert.ok(first.ok)
    // `string:` is no type that any Windows has.
    const expected = file.endsWith('Win9X-CacheHandling.reg') ? [`${file}:7`] : []
    assert.deepEqual(
      first.value.problems.map(({ where }) => where),
      expected,
    )
    for (const form of regForms) {
      const written = writeRegChanges(first.value.changes, form)
      assert.ok(written.ok)
      const second = readRegText(written.value, file)
      assert.ok(second.ok)
      assert.deepEqual(second.value.changes, first.value.changes)
      assert.deepEqual(writeRegChanges(second.value.changes, form), written)
    }
  }
})

test('what regedit itself exported is written as regedit wrote it, octet by octet', {
  skip,
}, () => {
  for (const name of ['Enable_TLS_All_Versions_KB245030', 'HTTP.SYS_Parameters', 'RRAS_IKEv2_Custom_Policy']) {
    const octets = octetsOf(readFileSync(join(testdata, 'sec505', `${name}.reg`)))
    const result = readRegText(octets, name)
    assert.ok(result.ok)
    assert.deepEqual(writeRegChanges(result.value.changes), { ok: true, value: octets })
  }
})
