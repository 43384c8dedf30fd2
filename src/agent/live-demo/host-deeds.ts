// What the main thread and the worker of a host say to each other.

export const deeds = ['tcp', 'udp', 'dns', 'rsvp', 'broadcast', 'multicast', 'kerberos-udp', 'kerberos-tcp'] as const
export type Deed = (typeof deeds)[number]

/** What a worker is told when it starts. */
export interface HostRole {
  readonly namespace: string
  readonly address: string
  readonly peer: string
  readonly broadcast: string
  /** A whole IP packet from this host to its peer; only the first host has one to send. */
  readonly rsvp: Uint8Array | undefined
  /** A recorded exchange, for where there is no KDC. */
  readonly kerberos: RecordedExchange | undefined
}

/** Contents of two datagrams. */
export interface RecordedExchange {
  readonly request: Uint8Array
  readonly reply: Uint8Array
}

export interface Asked {
  readonly id: number
  readonly what: Deed | 'heard'
}

/** Datagrams of that kind that came to this host, which nobody answers. */
export type HeardCounts = Readonly<Record<'broadcast' | 'multicast' | 'rsvp', number>>

export interface Told {
  /** 0: the host is ready. */
  readonly id: number
  readonly worked: boolean
  /** For people, where it did not work. */
  readonly why: string
  readonly heard: HeardCounts
}
