// Hears that something of a table of nftables changed, as the kernel tells its multicast group: which program did it, and what,
// is not told here. Elements of sets come and go by themselves and are passed over.

import { NetlinkSocket } from './netlink.ts'
import { readAttributes, readText } from './netlink-attributes.ts'

const NETLINK_NETFILTER = 12
/** NFNLGRP_NFTABLES, the seventh. */
const GROUP = 1 << 6
const NFNL_SUBSYS_NFTABLES = 10
/** struct nfgenmsg. */
const HEADER = 4
/** In messages of tables, chains, rules and sets alike. */
const TABLE_NAME = 1
/** linux/netfilter/nf_tables.h: NEWTABLE to DELSET, without those that ask. */
const changes: ReadonlySet<number> = new Set([0, 2, 3, 5, 6, 8, 9, 11])

/** To be read with `hasChanged` when `fd` is readable. Hears of the namespace that it was made in. */
export class NftWatcher {
  readonly #netlink = new NetlinkSocket(NETLINK_NETFILTER, GROUP)
  readonly #table: string

  constructor(table: string) {
    this.#table = table
  }

  get fd(): number {
    return this.#netlink.fd
  }

  /** Since the last time; also where more happened than was kept. */
  hasChanged(): boolean {
    const heard = this.#netlink.hear()
    if (heard === 'missed') return true
    return heard.some(
      ({ type, body }) =>
        type >> 8 === NFNL_SUBSYS_NFTABLES &&
        changes.has(type & 0xff) &&
        readText(readAttributes(body.subarray(HEADER)).get(TABLE_NAME)) === this.#table,
    )
  }

  close(): void {
    this.#netlink.close()
  }
}
