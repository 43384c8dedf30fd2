// What others make of our numbers: Prometheus's own program checks metrics and rules, and the dashboard asks for nothing that
// is not there.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

interface Panels {
  readonly panels: readonly { readonly id: number; readonly targets: readonly { readonly expr: string }[] }[]
}

function dashboard(): string {
  return readFileSync(join(folder, 'dashboard.json'), 'utf8')
}

/** A folder that is gone when the test is over. */
function scratch(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'sealwire-monitoring-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

test('each query of the dashboard is PromQL', t => {
  const { panels } = JSON.parse(dashboard()) as Panels
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  assert.ok(queries.length >= panels.length)
  // What Grafana puts in place of its variables before it asks.
  const asked = queries.map(expr => expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'))
  const rules = asked.map((expr, at) => ({ record: `query:${at}`, expr }))
  const file = join(scratch(t), 'queries.yaml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  check(t, ['check', 'rules', '--lint=none', file])
})

test('the dashboard is as Grafana’s own types have it, down to each panel’s options', t => {
  const root = join(import.meta.dirname, '..')
  const text = dashboard()
  // What the judge has to find, or it judges nothing.
  const spoiled: readonly (readonly [string, string])[] = [
    ['"colorMode": "background"', '"colorMode": "backgruond"'],
    ['"graphMode": "none"', '"graphMode": "none", "sparkle": true'],
    ['"displayMode": "list"', '"displayMode": "lists"'],
    ['"schemaVersion": ', '"schemaVersion": "" + '],
    ['"refresh": 2', '"refresh": 7'],
    ['"type": "timeseries"', '"type": "graph"'],
    ['"gridPos"', '"gridpos"'],
    ['"expr"', '"query"'],
    ['"mode": "absolute"', '"mode": "relative"'],
  ]
  const texts = [text, ...spoiled.map(([from, to]) => text.replace(from, to))]
  // Inside the project, since that is where its modules are looked for.
  const made = mkdtempSync(join(root, 'node_modules', '.sealwire-dashboard-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  const files = texts.map((one, at) => {
    const file = join(made, `dashboard-${at}.ts`)
    const type = join(root, 'test', 'grafana-dashboard.ts')
    writeFileSync(file, `import type { Dashboard } from '${type}'\nexport const it: Dashboard = ${one}`)
    return file
  })
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--allowImportingTsExtensions', '--types', '']
  const modules = ['--ignoreConfig', '--target', 'esnext', '--module', 'nodenext', '--pretty', 'false']
  const ran = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), [...options, ...modules, ...files], {
    encoding: 'utf8',
  })
  const saidOf = (at: number) => ran.stdout.split('\n').filter(line => line.includes(`dashboard-${at}.ts(`))
  assert.deepEqual(saidOf(0), [], ran.stderr)
  for (const [at, [from, to]] of spoiled.entries()) {
    assert.notEqual(texts[at + 1], text, from)
    assert.ok(saidOf(at + 1).length > 0, `${to} is found: ${ran.stdout}${ran.stderr}`)
  }
  assert.equal(
    ran.stdout
      .split('\n')
      .filter(line => /error/.test(line) && !line.includes('dashboard-'))
      .join('\n'),
    '',
  )
})

test('alerts and dashboard ask for metrics and labels that the agent serves', () => {
  const { panels } = JSON.parse(dashboard()) as Panels
  const expressions = [
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    readFileSync(join(folder, 'alerts.yaml'), 'utf8'),
  ]
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
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
