// Files that are hostile, broken or merely odd: each gets an answer, soon, and at the right place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatPath, LARGEST_TEXT, quote, readLocatedYaml } from './located-yaml.ts'

/** Each problem as `line:column what`, the name of the file left out. */
function problems(text: string): readonly string[] {
  const read = readLocatedYaml(text, 'f')
  return read.ok ? [] : read.error.map(({ where, what }) => `${where.slice(2)} ${what}`)
}

const laughs = ['a: &a [x,x,x,x,x,x,x,x,x,x]']
for (let index = 1; index < 12; index++) {
  const before = String.fromCharCode(96 + index)
  laughs.push(
    `${String.fromCharCode(97 + index)}: &${String.fromCharCode(97 + index)} [${Array(10).fill(`*${before}`)}]`,
  )
}

const broken: readonly (readonly [what: string, text: string, expected: RegExp])[] = [
  ['a tab in the indentation', 'a:\n\t- b', /^2:1 a tab stands in the indentation/],
  ['a key written twice', 'a: 1\nb: 2\na: 3', /^3:1 the key "a" is written twice/],
  ['a key written twice in JSON', '{"a": 1,\n "a": 2}', /^2:2 the key "a" is written twice/],
  ['an open quote', 'a: "b', /^1:6 a colon, a quote, a comma or a bracket is missing/],
  ['an open bracket', 'a: [b', /^1:6 /],
  ['two documents', 'a: 1\n---\nb: 2', /^2:1 the file has several documents/],
  ['a tag', 'a: !!binary aGk=', /^1:4 a tag or directive means nothing/],
  ['a key that is a list', '[a]: 1', /^1:1 a key is not text/],
  ['an alias before its anchor', 'a: *b\nc: &b 1', /^1:4 no anchor of the name "b"/],
  ['an alias inside what it stands for', 'a: &b [*b]', /^1:8 the alias "b" stands inside/],
  ['an alias as a key', 'a: &b c\n*b : 1', /^2:1 a key is not text/],
  ['aliases that stand for billions', laughs.join('\n'), /aliases stand for more than 20000 values/],
  ['lists a thousand deep', '['.repeat(1000) + ']'.repeat(1000), /nested more than 32 deep/],
  ['lists a million deep', '['.repeat(1_000_000), /nested more than 32 deep/],
  ['mappings that never end', '? '.repeat(20_000), /nested more than 32 deep/],
  ['more than the largest text', 'a'.repeat(LARGEST_TEXT + 1), /more than the 4000000 that a policy may have/],
]

for (const [what, text, expected] of broken) {
  test(`${what} is told, at its place`, { timeout: 60_000 }, () => {
    assert.match(problems(text)[0] ?? 'no problem', expected)
  })
}

const odd: readonly (readonly [what: string, text: string, value: unknown])[] = [
  ['an empty file', '', null],
  ['nothing but a comment', '# nothing', null],
  ['a byte order mark', '\ufeffa: 1', { a: 1 }],
  ['JSON with tabs', '{\n\t"a": [1, true, null, "x"]\n}', { a: [1, true, null, 'x'] }],
  ['lines that end as in Windows', 'a: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
  ['a hundred thousand keys', Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n'), undefined],
  ['an anchor and its alias', 'a: &x [1]\nb: *x', { a: [1], b: [1] }],
  ['an anchor that is set again', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', { a: 1, b: 1, c: 2, d: 2 }],
  ['words of the YAML of old', 'a: yes\nb: 010\nc: 0x10\nd: 1_000', { a: 'yes', b: 10, c: 16, d: '1_000' }],
  ['keys that JavaScript treats in its own way', '__proto__: 1\nconstructor: 2', undefined],
]

for (const [what, text, value] of odd) {
  test(`${what} is read`, { timeout: 60_000 }, () => {
    const read = readLocatedYaml(text, 'f')
    assert.ok(read.ok)
    if (value !== undefined) assert.deepEqual(JSON.parse(JSON.stringify(read.value.value)), value)
  })
}

test('a key named __proto__ is a key, and changes no prototype', () => {
  const read = readLocatedYaml('__proto__: { polluted: 1 }', 'f')
  assert.ok(read.ok)
  assert.deepEqual(Object.keys(read.value.value as object), ['__proto__'])
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

test('every value and every key is found again at its line and column', () => {
  const read = readLocatedYaml('a:\n  - b: 1\n    cc: [2, 33]\n', 'f')
  assert.ok(read.ok)
  const { where } = read.value
  assert.equal(where(['a', 0, 'cc', 1]), 'f:3:13 a[0].cc[1]')
  assert.equal(where(['a', 0, 'cc'], 'key'), 'f:3:5 a[0].cc')
  assert.equal(where(['a', 0, 'missing']), 'f:2:5 a[0].missing')
  assert.equal(where([]), 'f:1:1')
})

test('what an alias stands for is found where it is written', () => {
  const read = readLocatedYaml('a: &x\n  b: 1\nc: *x\n', 'f')
  assert.ok(read.ok)
  assert.equal(read.value.where(['c', 'b']), 'f:2:6 c.b')
})

test('a message never repeats the line that it is about: a secret may stand there', () => {
  for (const text of [
    'k: "hunter2" x',
    'k: "hunter2',
    "k: 'hunter2' 'hunter2'",
    'k: hunter2: hunter2',
    '"hunter2',
    'k: [hunter2',
    'k: "\\hunter2"',
  ]) {
    for (const problem of problems(text)) assert.doesNotMatch(problem, /hunter2/, text)
  }
})

test('a path is written as code would have it, and odd keys in quotes', () => {
  assert.equal(formatPath(['rules', 0, 'filters', 12, 'source']), 'rules[0].filters[12].source')
  assert.equal(formatPath(['a b', 'c.d', 'e']), '["a b"]["c.d"].e')
})

test('quoted text is short, and holds nothing that steers a terminal', () => {
  assert.equal(quote('a"b'), '"a\\"b"')
  assert.ok(quote('x'.repeat(1000)).length < 70)
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => assert.doesNotMatch(quote(text), /[\p{Cc}\p{Cf}]/u)))
})

test('whatever the text, there is an answer and never an exception', () => {
  const pieces = [
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '\t',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&x ',
    '*x',
    '!t ',
    '|',
    '>',
    '#',
    '%',
    '---',
    ',',
    '? ',
    '\u0000',
    '\ud800',
    '<<',
    '@',
    '`',
  ]
  const yamlish = fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map(parts => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary' })), text => {
      const read = readLocatedYaml(text, 'f')
      if (!read.ok) assert.ok(read.error.length > 0 && read.error.every(({ where }) => /^f(:\d+:\d+)?$/.test(where)))
    }),
    { numRuns: 2000 },
  )
})
