// Each kind of finding on a policy that has it and, beside it, on one that nearly has it; and against decide on random
// policies: a filter of which the linter says that it never decides must never be seen to.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { formatFlow } from '../base/flow.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import { lint } from './lint.ts'
import { type Finding, type LintKind, lintKinds } from './lint-kinds.ts'
import { readPolicyText } from './policy-text.ts'
import { cases } from './test-lint-cases.ts'
import { between, PSK, rules } from './test-lint-words.ts'
import { policy as policyOf, randomFlow, randomPolicy, rule as ruleOf, seeded } from './test-policies.ts'

function find(text: string): readonly Finding[] {
  const read = readPolicyText(text, 'p.yaml')
  assert.ok(read.ok, read.ok ? '' : JSON.stringify(read.error))
  return lint(read.value.policy)
}

cases.forEach(({ kind, has, hasNot, about, severity }, index) => {
  test(`${kind} is found where it is, and not where it nearly is (${index + 1})`, () => {
    const found = find(has).filter(finding => finding.kind === kind)
    assert.ok(found.length > 0, `not found in\n${has}`)
    if (about !== undefined) assert.deepEqual([...new Set(found.flatMap(finding => finding.rules))].sort(), about)
    if (severity !== undefined) assert.equal(found[0]!.severity, severity)
    const wrongly = find(hasNot).filter(finding => finding.kind === kind)
    assert.deepEqual(wrongly, [], `found in\n${hasNot}`)
  })
})

test('every kind has a case here, but the one for policies too entangled to judge', () => {
  const covered = new Set<LintKind>(cases.map(({ kind }) => kind))
  const missing = Object.keys(lintKinds).filter(kind => !covered.has(kind as LintKind))
  assert.deepEqual(missing, ['not-all-judged'])
})

test('of two domain controllers as KB 254728 wants them there is nothing to say but that IKE passes', () => {
  const file = join(import.meta.dirname, '../../examples/policies/domain-controllers-kerberos-secured.yaml')
  const findings = find(readFileSync(file, 'utf8'))
  assert.deepEqual(
    findings.map(({ kind, severity }) => `${severity} ${kind}`),
    ['note exempt-traffic'],
  )
})

test('findings come with the gravest first, and each says what to do and where it is written', () => {
  const findings = find(
    `profile: windows-xp\ndefaultResponse: true\n${rules(`{ ${between}, action: negotiate, ${PSK}, security: [ah-md5] }`)}`,
  )
  const order = ['danger', 'warning', 'note']
  const places = findings.map(({ severity }) => order.indexOf(severity))
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  )
  for (const { title, sentence, hint, source } of findings) {
    assert.match(sentence, /^[A-ZIa-z“].*\.$/s)
    assert.ok(title.length > 0 && hint.length > 0 && source.length > 0)
  }
})

test('one finding is told of all the rules it is about, and names the rule where there is one', () => {
  const many = Array.from(
    { length: 50 },
    (_, index) =>
      `{ name: r${index}, filters: [{ source: me, destination: 10.0.0.${index} }], action: negotiate, security: [esp-3des-sha1], ${PSK} }`,
  )
  const [finding, ...others] = find(rules(...many)).filter(({ kind }) => kind === 'old-method')
  assert.equal(finding?.rules.length, 50)
  assert.equal(finding?.rule, undefined)
  assert.deepEqual(others, [])
  assert.equal(find(rules(many[0]!)).find(({ kind }) => kind === 'old-method')?.rule, 'r0')
})

test('no finding tells a secret', () => {
  const findings = find(
    rules(
      `{ ${between}, action: negotiate, authentication: [{ preSharedKey: hunter2 }, { certificate: { ca: a, passphrase: hunter2 } }] }`,
    ),
  )
  assert.equal((JSON.stringify(findings) + inspect(findings, { depth: 9 })).includes('hunter2'), false)
})

test('a filter of which it is said that it never decides is never seen to, on random policies', () => {
  const draw = seeded(20)
  let said = 0
  for (let round = 0; round < 150; round++) {
    const policy = randomPolicy(draw)
    const silent = lint(policy).filter(({ kind }) => kind === 'filter-never-matches' || kind === 'filter-redundant')
    const isSilent = (rule: string, filter: string) =>
      silent.some(
        ({ rules: of, sentence }) => of.includes(rule) && sentence.startsWith(`The filter ${filter} never decides`),
      )
    said += silent.length
    const compiled = compile(policy)
    for (let at = 0; at < 400; at++) {
      const flow = randomFlow(draw, policy)
      // Judged here without own addresses; frames to every station are known by more than their flow.
      if (flow.linkBroadcast === true) continue
      for (const direction of ['out', 'in'] as const) {
        const { because, entry } = decide(compiled, flow, direction)
        // What "me" is at the far end too is a host talking to itself, which no packet on a wire does.
        const far = direction === 'out' ? entry?.filter.destination : entry?.filter.source
        if (because.kind !== 'filter' || far?.kind === 'me') continue
        assert.equal(
          isSilent(because.rule, because.filter),
          false,
          `${because.filter} decides ${formatFlow(flow)} ${direction}`,
        )
      }
    }
  }
  assert.ok(said > 50)
})

test('thousands of rules are judged in seconds, and so are filters that all meet each other', {
  timeout: 120_000,
}, () => {
  const draw = seeded(3)
  const host = () => `10.${Math.floor(draw() * 4)}.${Math.floor(draw() * 256)}.${Math.floor(draw() * 256)}`
  const large = Array.from({ length: 4000 }, (_, index) =>
    ruleOf(index % 3 === 0 ? 'block' : 'negotiate', [`tcp ${host()} <-> ${host()}`], { name: `r${index}` }),
  )
  assert.deepEqual(lint(policyOf(large)), [])
  const entangled = Array.from({ length: 1500 }, (_, index) =>
    ruleOf(index % 3 === 0 ? 'block' : 'permit', [`tcp any <-> any:${index}-${index + 20000}`], { name: `r${index}` }),
  )
  assert.ok(lint(policyOf(entangled)).some(({ kind }) => kind === 'not-all-judged'))
})
