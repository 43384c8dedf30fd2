// The house stays as its plan has it: arrows point down, no circles, small files, and no module but the few named ones
// reads a clock, a timer, the environment or the random source.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const files = globSync('src/**/*.{ts,tsx}', { cwd: root }).toSorted()
const sources = new Map(files.map(file => [file, readFileSync(join(root, file), 'utf8')]))

/** What each folder may import beside itself and base. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  base: [],
  native: [],
  crypto: ['native'],
  wire: [],
  policy: [],
  settings: [],
  ipsec: ['policy', 'wire', 'crypto'],
  windows: ['policy', 'settings'],
  export: ['policy'],
  keying: ['ipsec', 'policy', 'wire', 'crypto'],
  dataplane: ['ipsec', 'policy', 'wire', 'crypto', 'native'],
  audit: ['ipsec', 'policy', 'wire', 'crypto'],
  monitor: ['ipsec'],
  agent: [
    'monitor',
    'audit',
    'keying',
    'dataplane',
    'windows',
    'policy',
    'settings',
    'ipsec',
    'wire',
    'crypto',
    'native',
  ],
  cli: ['agent', 'monitor', 'audit', 'windows', 'export', 'policy', 'settings'],
}

/** The lab stands beside src/ and may use all of it; of src only the command that runs it may know it. */
const intoTheLab = { from: 'src/cli/commands/lab-ad.ts', to: /^lab\/ad\/story\.ts$/ }

function folderOf(file: string): string {
  return file.split('/')[1]!
}

function importsOf(file: string): readonly string[] {
  const found = sources
    .get(file)!
    .matchAll(/^(?:import|export)[^'"]*from '(\.[^']+)'|^import '(\.[^']+)'|import\('(\.[^']+)'\)/gm)
  const names = [...found].map(match => relative(root, join(root, dirname(file), match[1] ?? match[2] ?? match[3]!)))
  // Tests share their builders in test/.
  return file.endsWith('.test.ts') ? names.filter(name => !name.startsWith('test/')) : names
}

test('every import names a file that is there, and its arrow points down', () => {
  for (const file of files) {
    const from = folderOf(file)
    assert.ok(arrows[from] !== undefined, `${file}: the folder ${from} is not in the plan of the house`)
    for (const imported of importsOf(file)) {
      if (file === intoTheLab.from && intoTheLab.to.test(imported)) continue
      assert.ok(sources.has(imported), `${file} imports ${imported}, which is not there`)
      const to = folderOf(imported)
      const allowed: boolean = to === from || to === 'base' || arrows[from].includes(to)
      assert.ok(allowed, `${file} imports ${imported}: ${from} may not know ${to}`)
    }
  }
})

test('no file imports itself by way of others', () => {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `a circle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
    if (done.has(file) || !sources.has(file)) return
    for (const imported of importsOf(file)) visit(imported, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

/** What .ci/build-page looks at to tell whether the built page is old. */
const madeInto = /^src\/(monitor|base)\/|^src\/ipsec\/drop-reasons\.ts$/

test('the page of the monitor is made of what its build looks at, and nothing else is made of the page', () => {
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    assert.match(file, madeInto, `${file} goes into the page unseen by .ci/build-page`)
    for (const imported of importsOf(file)) visit(imported)
  }
  visit('src/monitor/page/main.tsx')
  const isOfPage = (file: string) => file.startsWith('src/monitor/page/')
  for (const file of files) {
    if (isOfPage(file)) continue
    for (const imported of importsOf(file)) assert.ok(!isOfPage(imported), `${file} imports ${imported}`)
  }
})

test('no source file is over 400 lines, and each opens by saying what it is', () => {
  for (const [file, text] of sources) {
    const lines = text.split('\n').length - 1
    assert.ok(lines <= 400, `${file} has ${lines} lines`)
    assert.match(text, /^(#!.*\n)?\/\/ \S/, `${file} does not open with a comment`)
  }
})

test('files are named for what they hold', () => {
  for (const file of files) {
    assert.doesNotMatch(file, /\/(index|types|utils|helpers)\.tsx?$/, file)
    assert.match(file, /\/[a-z0-9-]+(\.test)?\.tsx?$/, file)
  }
})

const impure =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.env\b|\bperformance\.now\b|\bsetTimeout\b|\bsetInterval\b|\brandom(Bytes|Int|UUID|FillSync)\b|\bprocess\.hrtime\b|\brequestAnimationFrame\b|\blocalStorage\b|\bsessionStorage\b/
const mayBeImpure = new Set([
  ...['src/base/time.ts', 'src/base/random.ts', 'src/agent/start.ts', 'src/cli/main.ts'],
  'src/monitor/page/browser.ts',
])

test('clocks, timers, the environment and randomness are read in few named places', () => {
  for (const [file, text] of sources) {
    if (mayBeImpure.has(file) || file.endsWith('.test.ts')) continue
    const found = impure.exec(text.replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, ''))
    assert.equal(found, null, `${file} uses ${found?.[0]}`)
  }
})

const mayDoIo =
  /^src\/(native|dataplane|settings\/registry-file|monitor\/(server|page-files)|agent|cli|audit\/(open-capture|audit-files|audit-worker))/

test('files and processes are touched in few named places', () => {
  for (const [file, text] of sources) {
    if (mayDoIo.test(file) || file.endsWith('.test.ts')) continue
    const found = /from 'node:(fs|child_process|net|dgram|worker_threads|os|http|https)(\/promises)?'/.exec(text)
    // node:net only tells whether a text is an address there.
    if (file === 'src/base/address.ts' && found?.[1] === 'net') continue
    assert.equal(found, null, `${file} imports ${found?.[0]}`)
  }
})
