// Our end of an association with somebody else's IPsec: seals and opens whole packets, through the same code as a host.
import assert from 'node:assert/strict'
import { choosePacketCrypto } from '../../src/crypto/packet-crypto.ts'
import type { Association } from '../../src/ipsec/association.ts'
import { AssociationDatabase } from '../../src/ipsec/association-database.ts'
import { openPacket, sealPacket, Workbench } from '../../src/ipsec/seal.ts'
import { decodeIp } from '../../src/wire/decode.ts'
import { ESP_IN_UDP, Packet } from '../../src/wire/packet.ts'
import { bothEnds, type PairWords } from '../ipsec-pair.ts'

export const crypto = choosePacketCrypto()
const bench = new Workbench()

export interface OurEnd {
  readonly association: Association
  seal(packet: Uint8Array): Uint8Array
  /** The packet that was inside, or why there is none. */
  open(packet: Uint8Array): Uint8Array | string
  close(): void
}

export function ourEnd(words: PairWords): OurEnd {
  const database = new AssociationDatabase(crypto)
  const association = database.install(bothEnds(words)[0], 0)
  return {
    association,
    seal: packet => {
      const sealed = sealPacket(bench, association, packet)
      assert.ok('packet' in sealed, `not sealed: ${JSON.stringify(sealed)}`)
      return sealed.packet
    },
    open: packet => openWith(association, packet),
    close: () => database.remove(association.name),
  }
}

export function openWith(association: Association, bytes: Uint8Array): Uint8Array | string {
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  const isInUdp = packet.content === ESP_IN_UDP
  const find = (spi: number) => (spi === association.name ? association : undefined)
  const opened = openPacket(bench, find, bytes, packet.transport + (isInUdp ? 8 : 0), packet.protocol, isInUdp)
  return 'packet' in opened ? opened.packet : opened.drop
}
