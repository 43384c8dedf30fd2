// Words in reg.exe's form: which are names, which are switches, and that any words come to an end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type RegSyntax, readRegWords } from './reg-words.ts'

const syntax: RegSyntax = { names: ['KEY', 'FILE'], switches: { v: 'word', ve: 'alone', q: 'perhaps', f: 'alone' } }

test('a switch takes the word behind it, also one that looks like a switch, or only if it does not', () => {
  assert.deepEqual(readRegWords(['A', 'b', '/V', '/f', '/q', '/f'], syntax), {
    names: ['A', 'b'],
    switches: { v: '/f', q: true, f: true },
    problems: [],
  })
  assert.deepEqual(readRegWords(['A', 'b', '/q', 'x', '/reg:64'], syntax).switches, { q: 'x', 'reg:64': true })
})

test('a file may be named by its whole path, and a switch that is none is told of where no file is meant', () => {
  assert.deepEqual(readRegWords(['A', '/home/a.reg', '/f'], syntax).names, ['A', '/home/a.reg'])
  assert.match(readRegWords(['A', 'b', '/vee'], syntax).problems[0]!.hint, /\/ve\?/)
  assert.equal(readRegWords(['/constructor', 'A', 'b'], syntax).problems.length, 1)
  assert.match(readRegWords(['/x', 'A', 'b'], syntax).problems[0]!.what, /no such switch/)
})

test('any words are read, each as a name, a switch or a problem', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('/v', '/ve', '/q', '/f', '/F', '/', '//', '__proto__', '/__proto__'),
  )
  fc.assert(
    fc.property(fc.array(word), words => {
      const { names, switches, problems } = readRegWords(words, syntax)
      const told = names.length + Object.keys(switches).length + problems.length
      assert.ok(told >= Math.min(words.length / 2, 1))
    }),
    { seed: 1, numRuns: 5000 },
  )
})
