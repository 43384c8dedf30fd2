// Which packet of the wire was this echo? In clear it is known by identifier, sequence number and nonce. Sealed it cannot
// be opened, so it is told by whom it is between, when, by its length, and by its SPI where an agent knows the association;
// how certain that is, is said with it.
import { spiOf } from '../../keying/describe-event.ts'
import { ECHO_HEADER } from './echo-message.ts'
import type { SealedForm, Sighting } from './wire-log.ts'

/** SPI, sequence number, pad length and next header; with the largest IV, padding and ICV of any transform. */
const LEAST_OVERHEAD = 10
const MOST_OVERHEAD = 8 + 16 + 16 + 2 + 32
/** A tunnel carries the inner IP header as well. */
const INNER_HEADER = { 4: 20, 6: 40 } as const

export interface SentEcho {
  readonly family: 4 | 6
  readonly host: string
  readonly identifier: number
  readonly sequence: number
  readonly nonce: string
  readonly size: number
}

export interface KnownAssociation {
  readonly spiIn: number
  readonly spiOut: number
  readonly peer: string
  readonly algorithms: string
  readonly mode: 'transport' | 'tunnel'
}

/**
 * `exact`: the echo itself was read on the wire. `strong`: the only fitting packet, of an association that the agent told
 * of. `likely`: the only fitting one. `unsure`: one of several that fit. `none`: nothing that could be it was seen, or not
 * everything that was there.
 */
export type Certainty = 'exact' | 'strong' | 'likely' | 'unsure' | 'none'

export interface OnWire {
  readonly kind: 'clear' | 'sealed' | 'unseen'
  readonly certainty: Certainty
  /** What the certainty rests on, in a sentence. */
  readonly why: string
  readonly form: SealedForm | null
  readonly spi: string | null
  /** Null where no agent knows the association. */
  readonly algorithms: string | null
  /** Octets from the SPI on. */
  readonly octets: number | null
  /** Sealed packets that it could have been. */
  readonly candidates: number
}

export interface Knowledge {
  readonly associations: readonly KnownAssociation[]
  /** Frames were lost, or more was seen than was kept. */
  readonly isIncomplete: boolean
}

const nothing = { form: null, spi: null, algorithms: null, octets: null, candidates: 0 } as const

/** `sightings`: what was seen from before the echo was sent on, up to now. */
export function findOnWire(
  echo: SentEcho,
  way: 'request' | 'reply',
  sightings: readonly Sighting[],
  known: Knowledge,
): OnWire {
  const isOutgoing = way === 'request'
  const here = sightings.filter(one => one.isOutgoing === isOutgoing)
  const read = here.find(one => 'echo' in one && isOurs(one, echo, way))
  if (read?.kind === 'echo') {
    const why = 'identifier, sequence number and nonce stand in clear on the wire'
    return { ...nothing, kind: 'clear', certainty: 'exact', why }
  }
  if (read?.kind === 'sealed') {
    const why = 'AH leaves identifier, sequence number and nonce to be read'
    return sealed(read, known, isOutgoing, 1, 'exact', why)
  }
  return findSealed(echo, here, known, isOutgoing)
}

function isOurs(sighting: Sighting, echo: SentEcho, way: 'request' | 'reply'): boolean {
  const seen = 'echo' in sighting ? sighting.echo : undefined
  return (
    seen !== undefined &&
    seen.isReply === (way === 'reply') &&
    seen.identifier === echo.identifier &&
    seen.sequence === (echo.sequence & 0xffff) &&
    seen.nonce === echo.nonce
  )
}

type Sealed = Extract<Sighting, { kind: 'sealed' }>

function findSealed(echo: SentEcho, here: readonly Sighting[], known: Knowledge, isOutgoing: boolean): OnWire {
  const all = here.filter((one): one is Sealed => {
    if (one.kind !== 'sealed') return false
    return one.peer === echo.host || associationOf(one, known, isOutgoing) !== undefined
  })
  const fitting = all.filter(one => fits(one, echo))
  const ofAgent = fitting.filter(one => associationOf(one, known, isOutgoing) !== undefined)
  const candidates = ofAgent.length > 0 ? ofAgent : fitting
  // A request is the first after it was asked for; a reply the last before it was heard.
  const chosen = isOutgoing ? candidates[0] : candidates.at(-1)
  // What was missed may be the echo in clear, and what does not fit is something else: neither may count as sealed.
  if (known.isIncomplete) return unseen('not every packet of the wire was caught', candidates.length)
  if (chosen === undefined) {
    return unseen(
      all.length > 0
        ? 'sealed packets went that way, but none of fitting length; in clear there was none'
        : 'neither in clear nor sealed was anything of it seen on this link',
      0,
    )
  }
  const { length } = candidates
  if (length > 1) {
    const why = `${length} sealed packets fit; in clear there was none`
    return sealed(chosen, known, isOutgoing, length, 'unsure', why)
  }
  if (ofAgent.length === 1) {
    const why =
      'the only packet of fitting length and time, of an association that the agent has; in clear there was none'
    return sealed(chosen, known, isOutgoing, 1, 'strong', why)
  }
  const why = 'the only sealed packet of fitting length and time between the two; in clear there was none'
  return sealed(chosen, known, isOutgoing, 1, 'likely', why)
}

function unseen(why: string, candidates: number): OnWire {
  return { ...nothing, kind: 'unseen', certainty: 'none', why, candidates }
}

function fits({ octets, form }: Sealed, { size, family }: SentEcho): boolean {
  if (form === 'ah') return false
  const inner = ECHO_HEADER + size
  return octets >= inner + LEAST_OVERHEAD && octets <= inner + MOST_OVERHEAD + INNER_HEADER[family]
}

function associationOf({ spi, peer }: Sealed, known: Knowledge, isOutgoing: boolean): KnownAssociation | undefined {
  return known.associations.find(one => (isOutgoing ? one.spiOut : one.spiIn) === spi && one.peer === peer)
}

function sealed(
  sighting: Sealed,
  known: Knowledge,
  isOutgoing: boolean,
  candidates: number,
  certainty: Certainty,
  why: string,
): OnWire {
  const { form, spi, octets } = sighting
  const algorithms = associationOf(sighting, known, isOutgoing)?.algorithms ?? null
  return { kind: 'sealed', certainty, why, form, spi: spiOf(spi), algorithms, octets, candidates }
}
