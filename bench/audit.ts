// Audit of a capture of one gigabyte, as a whole command from start to end, next to tcpdump with a filter, capinfos and
// tshark on the same file. The file is made here from the shipped capture: its packets again and again, with the hosts'
// addresses varied, so that there are many conversations.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CaptureParser } from '../src/wire/capture-file.ts'
import { hasCommand, interleave, type Row, type Table, timeCommand } from './bench.ts'

const SIZE = 1e9
const ROUNDS = 5
const root = join(import.meta.dirname, '..')
const shipped = join(root, 'examples/captures/two-domain-controllers.pcapng')
const policy = join(root, 'examples/policies/domain-controllers.yaml')

export async function benchAudit(): Promise<readonly Table[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-bench-'))
  try {
    const file = join(folder, 'big.pcap')
    const { packets, bytes } = makeCapture(file)
    const sealwire = join(root, 'sealwire')
    const alternatives: Record<string, () => number> = {
      sealwire: () => timeCommand([sealwire, 'audit', '--json', '--policy', policy, file], [0, 1]),
    }
    if (hasCommand('tcpdump'))
      alternatives['tcpdump'] = () => timeCommand(['tcpdump', '-n', '-r', file, '-w', '/dev/null', 'udp port 88'])
    if (hasCommand('capinfos')) alternatives['capinfos'] = () => timeCommand(['capinfos', '-c', file])
    const times = interleave(alternatives, ROUNDS)
    if (hasCommand('tshark')) {
      // Minutes, not seconds: once is enough to know the order of magnitude.
      const fields = ['ip.src', 'ip.dst', 'udp.srcport', 'udp.dstport'].flatMap(field => ['-e', field])
      times['tshark'] = timeCommand(['tshark', '-n', '-r', file, '-T', 'fields', ...fields])
    }
    const own = times['sealwire']!
    const names: Record<string, string> = {
      sealwire: '`sealwire audit --policy`',
      tcpdump: "`tcpdump -r … 'udp port 88'`",
      capinfos: '`capinfos -c`',
      tshark: '`tshark -T fields` (4 fields, once)',
    }
    const rows: Row[] = Object.entries(times).map(([name, seconds]) => ({
      what: names[name]!,
      value: `${(bytes / seconds / 1e6).toFixed(0)} MB/s, ${(packets / seconds / 1e6).toFixed(2)} M packets/s`,
      ratio: (own / seconds).toFixed(2),
    }))
    return [
      {
        title: 'Auditing a capture',
        unit: 'speed',
        against: 'sealwire',
        rows,
        remarks: [
          `${(bytes / 1e9).toFixed(2)} GB, ${(packets / 1e6).toFixed(2)} million packets of ${Math.round(bytes / packets)} octets; whole commands, start included; medians of ${ROUNDS} rounds in turn. A ratio below 1 is slower than sealwire.`,
          `Largest memory of the audit: ${peakMemory(sealwire, file)} MB.`,
        ],
      },
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function makeCapture(path: string): { packets: number; bytes: number } {
  if (!existsSync(shipped)) throw new Error(`${shipped} is missing`)
  const frames: Buffer[] = []
  const bytes = readFileSync(shipped)
  const parser = new CaptureParser({
    frame: (buffer, start, end) => frames.push(Buffer.from(buffer.subarray(start, end))),
  })
  parser.push(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes.length)
  const file = openSync(path, 'w')
  const piece = Buffer.alloc(1 << 22)
  piece.writeUInt32LE(0xa1b2c3d4, 0)
  piece.writeUInt32LE(0x00040002, 4)
  piece.writeUInt32LE(262_144, 16)
  piece.writeUInt32LE(1, 20)
  let at = 24
  let total = 24
  let packets = 0
  for (let round = 0; total < SIZE; round++) {
    for (const frame of frames) {
      if (at + 16 + frame.length > piece.length) {
        writeSync(file, piece, 0, at)
        at = 0
      }
      piece.writeUInt32LE(1_700_000_000 + Math.floor(packets / 1000), at)
      piece.writeUInt32LE((packets % 1000) * 1000, at + 4)
      piece.writeUInt32LE(frame.length, at + 8)
      piece.writeUInt32LE(frame.length, at + 12)
      frame.copy(piece, at + 16)
      // Third octet of both IPv4 addresses: sixteen pairs of hosts, the first of them as recorded.
      if (frame.readUInt16BE(12) === 0x0800) {
        piece[at + 16 + 28]! ^= round & 15
        piece[at + 16 + 32]! ^= round & 15
      }
      at += 16 + frame.length
      total += 16 + frame.length
      packets++
    }
  }
  writeSync(file, piece, 0, at)
  closeSync(file)
  return { packets, bytes: total }
}

function peakMemory(sealwire: string, file: string): string {
  const probe = `process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS))`
  const url = `data:text/javascript,${encodeURIComponent(probe)}`
  const done = spawnSync(sealwire, ['audit', '--json', '--policy', policy, file], {
    env: { ...process.env, NODE_OPTIONS: `--import=${url}` },
    maxBuffer: 1 << 28,
  })
  const found = /peak (\d+)/.exec(done.stderr.toString())
  return found === null ? 'unknown' : (Number(found[1]) / 1024).toFixed(0)
}
