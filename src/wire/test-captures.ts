// Capture files for the tests of this folder, written from the definitions: pcap records and pcapng blocks in either
// byte order.

export interface Order {
  readonly little: boolean
}

/** Numbers as `[octets, value]`, else octets as they are. */
export type Part = readonly [1 | 2 | 4 | 8, number | bigint] | Uint8Array

export function assemble({ little }: Order, parts: readonly Part[]): Uint8Array {
  return Buffer.concat(
    parts.map(part => {
      if (part instanceof Uint8Array) return part
      const [octets, value] = part
      const view = new DataView(new ArrayBuffer(octets))
      if (octets === 1) view.setUint8(0, Number(value))
      else if (octets === 2) view.setUint16(0, Number(value), little)
      else if (octets === 4) view.setUint32(0, Number(value), little)
      else view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), little)
      return new Uint8Array(view.buffer)
    }),
  )
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array(-bytes.length & 3)])
}

export function block(order: Order, type: number, parts: readonly Part[]): Uint8Array {
  const body = padded(assemble(order, parts))
  const length = body.length + 12
  return assemble(order, [[4, type], [4, length], body, [4, length]])
}

export function section(order: Order, major = 1, minor = 0): Uint8Array {
  return block(order, 0x0a0d0d0a, [
    [4, 0x1a2b3c4d],
    [2, major],
    [2, minor],
    [8, -1],
  ])
}

export function option(order: Order, code: number, value: Uint8Array): Uint8Array {
  return assemble(order, [[2, code], [2, value.length], padded(value)])
}

/** An interface; `resolution` is the octet of if_tsresol, `offset` the seconds of if_tsoffset. */
export function description(
  order: Order,
  {
    link = 1,
    snap = 0,
    resolution,
    offset,
  }: { link?: number; snap?: number; resolution?: number; offset?: bigint } = {},
): Uint8Array {
  const options: Uint8Array[] = []
  if (resolution !== undefined) options.push(option(order, 9, Uint8Array.of(resolution)))
  if (offset !== undefined) options.push(option(order, 14, assemble(order, [[8, offset]])))
  if (options.length > 0) options.push(option(order, 0, new Uint8Array(0)))
  return block(order, 1, [[2, link], [2, 0], [4, snap], ...options])
}

export function enhanced(order: Order, frame: Uint8Array, ticks: bigint, on = 0, original = frame.length): Uint8Array {
  return block(order, 6, [
    [4, on],
    [4, Number(ticks >> 32n)],
    [4, Number(ticks & 0xffffffffn)],
    [4, frame.length],
    [4, original],
    padded(frame),
  ])
}

export function simple(order: Order, frame: Uint8Array, original = frame.length): Uint8Array {
  return block(order, 3, [[4, original], padded(frame)])
}

/** The packet block of the drafts before 2009. */
export function obsolete(order: Order, frame: Uint8Array, ticks: bigint, on = 0): Uint8Array {
  return block(order, 2, [
    [2, on],
    [2, 0],
    [4, Number(ticks >> 32n)],
    [4, Number(ticks & 0xffffffffn)],
    [4, frame.length],
    [4, frame.length],
    padded(frame),
  ])
}

export interface PcapRecord {
  readonly seconds: number
  readonly fraction: number
  readonly frame: Uint8Array
  readonly original?: number
}

export function pcap(
  order: Order,
  records: readonly PcapRecord[],
  { magic = 0xa1b2c3d4, link = 1, minor = 4 }: { magic?: number; link?: number; minor?: number } = {},
): Uint8Array {
  const header: Part[] = [
    [4, magic],
    [2, 2],
    [2, minor],
    [4, 0],
    [4, 0],
    [4, 262144],
    [4, link],
  ]
  const body = records.flatMap(({ seconds, fraction, frame, original = frame.length }): Part[] => [
    [4, seconds],
    [4, fraction],
    [4, frame.length],
    [4, original],
    ...(magic === 0xa1b2cd34 ? [new Uint8Array(8)] : []),
    frame,
  ])
  return assemble(order, [...header, ...body])
}
