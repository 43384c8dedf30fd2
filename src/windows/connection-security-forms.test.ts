// Random policies through every form and back: equal, or the form said what it could not hold.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProblem, type Problem } from '../base/result.ts'
import { runAdvfirewall } from './advfirewall-session.ts'
import { showGlobal, showMainModeRules, showRules } from './advfirewall-show.ts'
import { readShownGlobal, readShownRules } from './advfirewall-shown.ts'
import { writeAdvfirewall } from './advfirewall-write.ts'
import { readRulesJson } from './connection-security-json.ts'
import { writeRulesJson } from './connection-security-json-writer.ts'
import { readRegistryPolicy, writeRegistryPolicy } from './connection-security-registry.ts'
import { type ConnectionSecurityPolicy, emptyPolicy } from './connection-security-rules.ts'
import { runPowerShell } from './powershell-run.ts'
import { writePowerShell } from './powershell-write.ts'
import { randomConnectionSecurityPolicy, type Style, said, seeded } from './test-connection-security.ts'

const RUNS = 1000

interface Way {
  readonly form: string
  /** Of 1,000 random policies of each style at least so many have to come back without a loss. */
  readonly lossless: Readonly<Record<Style, number>>
  through(policy: ConnectionSecurityPolicy): {
    readonly back: ConnectionSecurityPolicy
    readonly losses: readonly Problem[]
    readonly problems: readonly Problem[]
  }
}

const ways: readonly Way[] = [
  {
    form: 'the keys of a registry',
    lossless: { plain: 990, wild: 300 },
    through: policy => {
      const { value, losses } = writeRegistryPolicy(policy, 'local')
      const { value: back, problems } = readRegistryPolicy(value, 'k')
      return { back, losses, problems }
    },
  },
  {
    form: 'netsh commands',
    lossless: { plain: 500, wild: 1 },
    through: policy => {
      const { value, losses } = writeAdvfirewall(policy)
      const { policy: back, problems } = runAdvfirewall(value, 'x.cmd')
      return { back, losses, problems }
    },
  },
  {
    form: 'a PowerShell script',
    lossless: { plain: 990, wild: 50 },
    through: policy => {
      const { value, losses } = writePowerShell(policy)
      const { value: back, problems } = runPowerShell(value, 'x.ps1')
      return { back, losses, problems }
    },
  },
]

for (const { form, lossless, through } of ways) {
  for (const style of ['plain', 'wild'] as const) {
    test(`${RUNS} random policies (${style}) come back from ${form} as they were, or the loss is named`, () => {
      let whole = 0
      for (let seed = 1; seed <= RUNS; seed++) {
        const policy = randomConnectionSecurityPolicy(seeded(seed), style)
        const { back, losses, problems } = through(policy)
        if (losses.length > 0) continue
        // What nobody knows is said again each time it is read.
        const others = problems.map(formatProblem).filter(text => !/"Later" is not known|Strange/.test(text))
        assert.deepEqual(others, [], `seed ${seed}`)
        assert.deepEqual(said(back), said(policy), `seed ${seed}`)
        whole++
      }
      assert.ok(whole >= lossless[style], `${whole} without a loss`)
    })
  }
}

test(`${RUNS} random policies are the same after the print-outs of netsh, or the loss is named`, () => {
  let whole = 0
  for (let seed = 1; seed <= RUNS; seed++) {
    const policy = randomConnectionSecurityPolicy(seeded(seed), seed % 2 === 0 ? 'plain' : 'wild')
    const [rules, mainMode, global] = [showRules(policy), showMainModeRules(policy), showGlobal(policy)]
    if ([rules, mainMode, global].some(({ losses }) => losses.length > 0)) continue
    const first = readShownGlobal(global.value, 'g')
    const second = readShownRules(mainMode.value, 'm', first.value)
    const third = readShownRules(rules.value, 'r', second.value)
    assert.deepEqual(
      [first, second, third].flatMap(({ problems }) => problems.map(formatProblem)),
      [],
      `seed ${seed}`,
    )
    assert.deepEqual(said(third.value), said(policy), `seed ${seed}`)
    whole++
  }
  assert.ok(whole >= 150, `${whole} without a loss`)
})

test(`the rules of ${RUNS} random policies come back from JSON as they were, or the loss is named`, () => {
  let whole = 0
  for (let seed = 1; seed <= RUNS; seed++) {
    const { rules } = randomConnectionSecurityPolicy(seeded(seed), seed % 2 === 0 ? 'plain' : 'wild')
    const { value, losses } = writeRulesJson(rules)
    if (losses.length > 0) continue
    const { value: back, problems } = readRulesJson(value, 'x.json')
    assert.deepEqual(problems.map(formatProblem), [], `seed ${seed}`)
    assert.deepEqual(said({ ...emptyPolicy, rules: back }), said({ ...emptyPolicy, rules }), `seed ${seed}`)
    assert.deepEqual(
      back.map(({ id }) => id),
      rules.map(({ id }) => id),
    )
    whole++
  }
  assert.ok(whole >= 500, `${whole} without a loss`)
})
