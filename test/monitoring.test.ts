// What others make of our numbers: Prometheus's own program checks metrics and rules, and the dashboard asks for nothing that
// is not there.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { metrics, PREFIX, writeMetrics } from '../src/monitor/metrics.ts'
import { testStatus } from '../src/monitor/test-status.ts'

const folder = join(import.meta.dirname, '..', 'examples', 'monitoring')
const unpacked = '/var/cache/sealwire/promtool/usr/bin/promtool'
const onPath = spawnSync('promtool', ['--version']).status === 0
const promtool = onPath ? 'promtool' : existsSync(unpacked) ? unpacked : undefined

function check(t: TestContext, words: readonly string[], input = ''): void {
  if (promtool === undefined)
    return t.skip('skipped, because promtool is not there: Debian’s package prometheus has it')
  const ran = spawnSync(promtool, words, { cwd: folder, input, encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stdout + ran.stderr)
  assert.equal(ran.stderr.trim(), '')
}

test('promtool finds nothing to say about the metrics', t => {
  check(t, ['check', 'metrics'], writeMetrics(testStatus(), 'prometheus'))
})

test('promtool takes the alert rules and the example’s configuration', t => {
  check(t, ['check', 'rules', 'alerts.yaml'])
  check(t, ['check', 'config', 'prometheus.yaml'])
})

test('alerts fire when they should and not before', t => {
  check(t, ['test', 'rules', 'alerts.test.yaml'])
})

/** Every series that the agent can serve. */
const served = new Map(
  metrics.map(metric => [`${PREFIX}${metric.name}${metric.type === 'counter' ? '_total' : ''}`, metric]),
)

test('alerts and dashboard ask for metrics and labels that the agent serves', () => {
  const dashboard = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as {
    readonly panels: readonly { readonly id: number; readonly targets: readonly { readonly expr: string }[] }[]
  }
  const expressions = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    readFileSync(join(folder, 'alerts.yaml'), 'utf8'),
  ]
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  for (const text of expressions) {
    for (const [, name, selector = ''] of text.matchAll(/\b(sealwire_[a-z_]+)(?:\{([^}]*)\})?/g)) {
      const metric = served.get(name!)
      assert.ok(metric !== undefined, `${name} is no metric`)
      for (const [, label, value] of selector.matchAll(/([a-z]+)=~?"([^"]*)"/g)) {
        if (label === 'instance') continue
        const known: string | undefined = metric.labels?.[label!]
        assert.ok(known !== undefined, `${name} has no label ${label}`)
        for (const one of value!.split('|')) {
          const isThere = [...known.matchAll(/`([^`]+)`/g)].some(([, word]) => new RegExp(`^(${one})$`).test(word!))
          assert.ok(isThere, `${name}: ${label} is never ${one}`)
        }
      }
    }
  }
})
