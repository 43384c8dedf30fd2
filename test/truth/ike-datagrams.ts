// Every datagram of the captures that is IKE, by our decoder or by tshark's, with what tshark says of its header. From
// ../shared/testdata: the captures and the recorded exchanges.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { CaptureParser } from '../../src/wire/capture-file.ts'
import { decodeFrame } from '../../src/wire/decode.ts'
import { Packet } from '../../src/wire/packet.ts'
import { readTestdata, testdata } from './compare-truth.ts'

export interface IkeDatagram {
  /** Path below the test data, and the frame's number. */
  readonly where: string
  readonly file: string
  readonly frame: number
  /** Without UDP header and non-ESP marker; cut where the capture is. */
  readonly bytes: Uint8Array
  /** The columns ike_ver, ike_xchg, ike_ispi, ike_rspi; undefined where there is no table beside the capture. */
  readonly truth: { readonly version: string; readonly exchange: string; readonly spis: string } | undefined
}

export function listIkeDatagrams(): readonly IkeDatagram[] {
  const captures = globSync('captures/**/*', { cwd: testdata, withFileTypes: true })
  const recorded = globSync('ike-recorded/**/*.{pcap,snoop}', { cwd: testdata, withFileTypes: true })
  return [...captures, ...recorded]
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(testdata.length + 1))
    .toSorted()
    .flatMap(datagramsOf)
}

function datagramsOf(file: string): readonly IkeDatagram[] {
  const rows = truthRows(file)
  const found: IkeDatagram[] = []
  const packet = new Packet()
  const bytes = Uint8Array.from(readTestdata(file))
  const parser = new CaptureParser({
    frame(buffer, start, end, linkType, _original, _seconds, _nanoseconds, frame) {
      decodeFrame(packet, buffer, linkType, start, end)
      const row = rows?.get(frame)
      const isIke = row !== undefined ? row['ike_ver'] !== '' : packet.content === 1
      if (!isIke || packet.protocol !== 17 || packet.fragmentOffset !== 0) return
      const onNat = packet.sourcePort === 4500 || packet.destinationPort === 4500
      const at = packet.transport + 8
      const marked = onNat && buffer[at] === 0 && buffer[at + 1] === 0 && buffer[at + 2] === 0 && buffer[at + 3] === 0
      found.push({
        where: `${file} frame ${frame}`,
        file,
        frame,
        bytes: buffer.slice(marked ? at + 4 : at, packet.end),
        truth: row && {
          version: row['ike_ver']!,
          exchange: row['ike_xchg']!,
          spis: `${row['ike_ispi']} ${row['ike_rspi']}`,
        },
      })
    },
  })
  parser.finish(bytes.length - parser.push(bytes, new DataView(bytes.buffer), bytes.length))
  return found
}

function truthRows(file: string): ReadonlyMap<number, Readonly<Record<string, string>>> | undefined {
  const below = file.replace(/^captures\//, 'truth/')
  const names = [below, below.replace(/\.gz$/, '')].flatMap(name => [`${name}.csv`, `${name}.csv.gz`])
  const name = names.find(one => globSync(one.replace(/[[\]{}]/g, '?'), { cwd: testdata }).length > 0)
  if (name === undefined) return undefined
  const [header = '', ...lines] = readTestdata(name).toString('utf8').trimEnd().split('\n')
  const columns = header.trimEnd().split(',')
  return new Map(
    lines.map(line => {
      const cells = line.trimEnd().split(',')
      const row = Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']))
      return [Number(row['frame']), row]
    }),
  )
}
