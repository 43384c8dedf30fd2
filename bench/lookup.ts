// Policy look-ups a second at 100 to 100,000 filters next to a linear scan of the same filters in the same order. The
// filters are ClassBench sets (Taylor and Turner, 2007) where they are at hand, else ones of like shape made here.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { seededRandom } from '../src/base/random.ts'
import { BoxLookup } from '../src/policy/lookup.ts'
import { type Box, contains } from '../src/policy/region.ts'
import { interleave, type Row, type Table } from './bench.ts'

const folder = join(import.meta.dirname, '../../shared/testdata/classbench')
const ROUNDS = 5
const POINTS = 3000

export async function benchLookup(): Promise<readonly Table[]> {
  return ['acl1', 'fw1', 'ipc1'].map(kind => benchKind(kind))
}

function benchKind(kind: string): Table {
  const full = existsSync(folder) ? readClassBench(`${kind}_10k.gz`) : makeFilters(10_000)
  const source = existsSync(folder) ? `ClassBench ${kind}` : 'made filters'
  const sizes = [100, 1000, 10_000, 100_000]
  const rows: Row[] = []
  let smallest = 0
  for (const size of sizes) {
    const filters = ofSize(full, size)
    const lookup = new BoxLookup(
      5,
      filters.map(box => [box]),
    )
    const points = pointsIn(filters)
    const perLinear = Math.max(1, Math.min(POINTS, Math.floor(2e6 / size)))
    let found = 0
    const tree = () => measure(points, 40, point => (found += lookup.find(point)))
    const linear = () =>
      measure(points.slice(0, perLinear), 1, point => (found += filters.findIndex(box => contains(box, point))))
    tree()
    const { lookup: fast, linear: slow } = interleave({ lookup: tree, linear }, ROUNDS) as {
      lookup: number
      linear: number
    }
    if (size === 100) smallest = fast
    rows.push({
      what: `${filters.length.toLocaleString('en-US')} filters`,
      value: `${(1 / fast / 1e6).toFixed(2)} M (linear scan ${(1 / slow / 1e6).toFixed(3)} M)`,
      ratio: `${(slow / fast).toFixed(0)} times; ${(smallest / fast).toFixed(2)} of the speed at 100`,
    })
  }
  return {
    title: `Policy look-ups: ${source}`,
    unit: 'a second',
    against: 'the linear scan',
    rows,
    remarks: [
      'Random flows inside the filters, no flow cache in front; medians of five rounds in turn. Beyond 10,000 the set is repeated with other addresses.',
    ],
  }
}

/** Seconds for one look-up. */
function measure(points: readonly Uint32Array[], times: number, run: (point: Uint32Array) => void): number {
  const start = performance.now()
  for (let time = 0; time < times; time++) {
    for (const point of points) run(point)
  }
  return (performance.now() - start) / 1000 / times / points.length
}

function readClassBench(name: string): readonly Box[] {
  const text = gunzipSync(readFileSync(join(folder, name))).toString()
  return text
    .split('\n')
    .filter(line => line.startsWith('@'))
    .map(line => {
      const [source, destination, sourcePort, destinationPort, protocol] = line.slice(1).split('\t')
      const [number, mask] = protocol!.trim().split('/').map(Number)
      const ranges = [
        prefixRange(source!),
        prefixRange(destination!),
        mask === 0 ? [0, 255] : [number!, number!],
        portRange(sourcePort!),
        portRange(destinationPort!),
      ]
      return { first: ranges.map(range => range[0]!), last: ranges.map(range => range[1]!) }
    })
}

function prefixRange(text: string): number[] {
  const [address, length] = text.trim().split('/')
  const word = address!.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
  const size = 2 ** (32 - Number(length))
  const first = Math.floor(word / size) * size
  return [first, first + size - 1]
}

function portRange(text: string): number[] {
  const [first, last] = text.split(':').map(Number)
  // Any port also covers packets without one.
  return first === 0 && last === 65535 ? [0, 65536] : [first!, last!]
}

/** The set cut down, or repeated with its narrow addresses moved. */
function ofSize(full: readonly Box[], size: number): readonly Box[] {
  if (size <= full.length) {
    const step = full.length / size
    return Array.from({ length: size }, (_, index) => full[Math.floor(index * step)]!)
  }
  return Array.from({ length: Math.ceil(size / full.length) }, (_, copy) => full.map(box => moved(box, copy)))
    .flat()
    .slice(0, Math.max(size, full.length))
}

function moved(box: Box, copy: number): Box {
  const first = [...box.first]
  const last = [...box.last]
  for (const d of [0, 1]) {
    const size = last[d]! - first[d]! + 1
    if (size > 0x10000) continue
    first[d] = Math.floor(((first[d]! ^ Math.imul(copy, 0x01234567)) >>> 0) / size) * size
    last[d] = first[d]! + size - 1
  }
  return { first, last }
}

function pointsIn(filters: readonly Box[]): readonly Uint32Array[] {
  const random = seededRandom(20261123).fraction
  return Array.from({ length: POINTS }, () => {
    const { first, last } = filters[Math.floor(random() * filters.length)]!
    return Uint32Array.from(first, (low, d) => low + Math.floor(random() * (last[d]! - low + 1)))
  })
}

function makeFilters(count: number): readonly Box[] {
  const random = seededRandom(7).fraction
  return Array.from({ length: count }, () => {
    const prefix = () => {
      const size = 2 ** Math.floor(random() * 17)
      const first = Math.floor((random() * 2 ** 32) / size) * size
      return [first, first + size - 1]
    }
    const port = () => (random() < 0.5 ? [0, 65536] : Array<number>(2).fill(Math.floor(random() * 65536)))
    const protocol = random() < 0.2 ? [0, 255] : random() < 0.6 ? [6, 6] : [17, 17]
    const ranges = [prefix(), prefix(), protocol, port(), port()]
    return { first: ranges.map(range => range[0]!), last: ranges.map(range => range[1]!) }
  })
}
