// Pictures of what the commands print, for the pages: each command runs with colour, its output becomes an HTML page, and
// Chromium takes the picture. `npm run screens`; needs Debian's `chromium` and `fonts-dejavu-core`, and `demo-live` root.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { picturesOfMonitor } from '../test/page/pictures.ts'

const root = join(import.meta.dirname, '..')
const policy = 'examples/policies/domain-controllers.yaml'
const capture = 'examples/captures/two-domain-controllers.pcapng'

const screens: Readonly<Record<string, readonly string[]>> = {
  demo: ['demo'],
  'demo-trace': ['demo', '--trace'],
  'demo-live': ['demo', '--live'],
  audit: ['audit', '--policy', policy, capture],
  prove: ['prove', '--policy', policy, '--between', '10.54.0.1', '10.54.0.2'],
  compare: ['compare', '--policy', policy, '--no-default-exempt', '0', '1'],
  explain: [
    ...['explain', '--policy', policy, '--source', '10.54.0.1', '--destination', '10.54.0.2'],
    ...['--protocol', 'tcp', '--source-port', '88', '--destination-port', '445'],
  ],
  lint: ['policy', 'lint', policy],
  show: ['policy', 'show', policy],
  'cert-show': ['cert', 'show', '--ca', 'corp/ca.pem', 'corp/ca.pem', 'corp/dc1.corp.test.pem'],
}

/** What a picture needs that is not in the tree, made in an empty folder that its command then runs in. */
const preparations: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'cert-show': [
    ['cert', 'ca', '--name', 'Corp test CA', '--out', 'corp'],
    ['cert', 'request', '--name', 'dc1.corp.test', '--address', '10.54.0.1', '--ca', 'corp/ca.pem', '--out', 'corp'],
  ],
}

/** Commands whose picture is the page they write, at this size: from its top as far as it goes. */
const pages: Readonly<Record<string, readonly string[]>> = {
  'audit-page': ['audit', '--policy', policy, '--html', 'PAGE', capture],
}
const PAGE_SIZE = '1280,1692'

/** Columns of the terminal; left out, lines are as long as they are. */
const widths: Readonly<Record<string, number>> = { 'demo-trace': 150 }

/** Of what a command prints, the part that its picture is about: from one line up to another. */
const parts: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'demo-trace': ['IKE between', 'Look next'],
}

function partOf(name: string, text: string): string {
  const [from, to] = parts[name] ?? []
  if (from === undefined || to === undefined) return text
  const lines = text.split('\n')
  const index = (words: string) => lines.findIndex(line => line.includes(words))
  return lines.slice(index(from), index(to)).join('\n')
}

/** The sixteen colours of a dark terminal, as SGR numbers them. */
const colors: Readonly<Record<number, string>> = {
  31: '#e06c75',
  32: '#98c379',
  33: '#e5c07b',
  34: '#61afef',
  35: '#c678dd',
  36: '#56b6c2',
  37: '#dcdfe4',
  90: '#7f848e',
  91: '#ff7b72',
  92: '#b5e890',
  93: '#ffd787',
  94: '#79c0ff',
  95: '#e2a5f7',
  96: '#7fdbe6',
  97: '#ffffff',
}

function html(command: readonly string[], output: string): string {
  const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  let body = ''
  let style = { color: '', bold: false, dim: false }
  for (const part of output.split(/(\x1b\[[\d;]*m)/)) {
    const codes = /^\x1b\[([\d;]*)m$/.exec(part)
    if (codes === null) {
      const css = `${style.color === '' ? '' : `color:${style.color};`}${style.bold ? 'font-weight:bold;' : ''}${style.dim ? 'opacity:.65;' : ''}`
      body += css === '' ? escaped(part) : `<span style="${css}">${escaped(part)}</span>`
      continue
    }
    for (const code of codes[1]!.split(';').map(Number)) {
      if (code === 0) style = { color: '', bold: false, dim: false }
      else if (code === 1) style.bold = true
      else if (code === 2) style.dim = true
      else if (code === 22) style = { ...style, bold: false, dim: false }
      else if (code === 39) style.color = ''
      else style.color = colors[code] ?? style.color
    }
  }
  const line = `<span style="color:#98c379">$</span> sealwire ${escaped(command.join(' '))}`
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; background: #1b1f27; color: #dcdfe4; }
    pre { margin: 0; padding: 18px 22px; font: 13px/1.38 "DejaVu Sans Mono", monospace; white-space: pre; }
  </style><pre>${line}\n\n${body.trimEnd()}</pre>`
}

function takePicture(page: string, picture: string, size: string): void {
  const chromium = spawnSync('chromium', [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'],
    ...[`--user-data-dir=${join(folder, 'profile')}`, `--window-size=${size}`, `--screenshot=${picture}`],
    `file://${page}`,
  ])
  if (chromium.status !== 0) throw new Error(`chromium failed: ${chromium.error?.message ?? chromium.stderr}`)
}

const folder = mkdtempSync(join(tmpdir(), 'sealwire-screens-'))
try {
  mkdirSync(join(root, 'docs/images'), { recursive: true })
  const wanted = process.argv.slice(2)
  for (const [name, command] of Object.entries(screens)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const width = widths[name] === undefined ? {} : { COLUMNS: String(widths[name]) }
    const env = { ...process.env, ...width, FORCE_COLOR: '1', NO_COLOR: '' }
    const prepared = preparations[name] ?? []
    const cwd = prepared.length > 0 ? folder : root
    for (const words of prepared) spawnSync(join(root, 'sealwire'), words, { cwd, env })
    const ran = spawnSync(join(root, 'sealwire'), command, { cwd, env, encoding: 'utf8' })
    const text = partOf(name, ran.stderr + ran.stdout)
    const lines = [`$ sealwire ${command.join(' ')}`, ...text.split('\n')]
    const columns = Math.max(...lines.map(line => line.replace(/\x1b\[[\d;]*m/g, '').length), 80)
    writeFileSync(join(folder, 'page.html'), html(command, text))
    const picture = join(root, 'docs/images', `${name}.png`)
    const size = `${Math.ceil(columns * 7.85) + 44},${Math.ceil((text.trimEnd().split('\n').length + 2) * 17.94) + 36}`
    takePicture(join(folder, 'page.html'), picture, size)
    console.log(`docs/images/${name}.png`)
  }
  for (const [name, command] of Object.entries(pages)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const page = join(folder, 'audit.html')
    const words = command.map(word => (word === 'PAGE' ? page : word))
    spawnSync(join(root, 'sealwire'), words, { cwd: root })
    takePicture(page, join(root, 'docs/images', `${name}.png`), PAGE_SIZE)
    console.log(`docs/images/${name}.png`)
  }
  await picturesOfMonitor(join(root, 'docs/images'), wanted)
} finally {
  rmSync(folder, { recursive: true })
}
