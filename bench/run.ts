// `npm run bench [NAME…]`: runs the benchmarks and prints their tables; with --write also into docs/performance.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { benchAudit } from './audit.ts'
import { markdown, type Table } from './bench.ts'
import { benchFlood } from './flood.ts'
import { benchHandshakes } from './handshakes.ts'
import { benchLookup } from './lookup.ts'
import { benchPacketCrypto } from './packet-crypto.ts'
import { benchTun } from './tun.ts'

const benches: Readonly<Record<string, () => Promise<readonly Table[]>>> = {
  audit: benchAudit,
  flood: benchFlood,
  handshakes: benchHandshakes,
  lookup: benchLookup,
  'packet-crypto': benchPacketCrypto,
  tun: benchTun,
}

const words = process.argv.slice(2)
const unknown = words.filter(word => word !== '--write' && benches[word] === undefined)
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; known are ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
const chosen = Object.entries(benches).filter(
  ([name]) => words.every(word => word === '--write') || words.includes(name),
)
const sections: string[] = []
for (const [name, bench] of chosen) {
  const text = (await bench()).map(markdown).join('\n')
  console.log(text)
  sections.push(`<!-- bench ${name} -->\n${text}<!-- end ${name} -->`)
}
if (words.includes('--write')) {
  const path = join(import.meta.dirname, '../docs/performance.md')
  let page = readFileSync(path, 'utf8')
  const machine = `${cpus().length} cores of ${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.versions.node}`
  page = page.replace(/^Measured on .*$/m, `Measured on ${machine}.`)
  for (const section of sections) {
    const name = /<!-- bench ([\w-]+)/.exec(section)![1]!
    const place = new RegExp(`<!-- bench ${name} -->[\\s\\S]*?<!-- end ${name} -->`)
    page = place.test(page) ? page.replace(place, () => section) : `${page}\n${section}\n`
  }
  writeFileSync(path, page)
}
