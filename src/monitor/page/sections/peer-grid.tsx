// Many peers as a grid of marks, in groups by standing, the worst first. A thousand of them are drawn anew only where their own
// mark changes, because that is seldom and the numbers come every second.
import { Component } from 'preact'
import { useCallback, useRef, useState } from 'preact/hooks'
import { count } from '../../words.ts'
import { groupsOf, type Peer, peerWords, type Standing, standingWords } from '../facts/peers.ts'
import { lineWidth } from '../facts/picture-layout.ts'
import { hashOf } from '../facts/route.ts'
import { Mark } from '../parts/mark.tsx'

/** What needs eyes has its name beside it; of the rest there may be a thousand, whose names are told when they are reached. */
const MOST_NAMED = 60
const plain: ReadonlySet<Standing> = new Set(['sealed', 'permitted', 'idle'])

export function PeerGrid({ peers }: { readonly peers: readonly Peer[] }) {
  const [reached, setReached] = useState<string>()
  const grid = useRef<HTMLDivElement>(null)
  const groups = groupsOf(peers)
  const shown = groups.flatMap(group => group.peers)
  const first = shown.find(({ address }) => address === reached) ?? shown[0]
  const move = useCallback((event: KeyboardEvent) => moveWithin(grid.current, event), [])
  return (
    <div class="grid" ref={grid}>
      {groups.map(({ standing, peers: own }) => {
        const isNamed = !plain.has(standing) && own.length <= MOST_NAMED
        return (
          <section key={standing} aria-label={`${standingWords[standing]}: ${count(own.length)}`}>
            <h3>
              <Mark standing={standing} /> {standingWords[standing]} <span class="soft">{count(own.length)}</span>
            </h3>
            <ul class={isNamed ? 'named-cells' : 'cells'}>
              {own.map(peer => (
                <Cell
                  key={peer.address}
                  {...{ address: peer.address, name: peer.name, standing, isNamed }}
                  isReached={peer === first}
                  size={isNamed ? undefined : cellMark(peer)}
                  onReach={setReached}
                  onMove={move}
                />
              ))}
            </ul>
          </section>
        )
      })}
      <p class="readout">{first === undefined ? '' : peerWords(first)}</p>
    </div>
  )
}

interface CellProps {
  readonly address: string
  readonly name: string | null
  readonly standing: Standing
  readonly isNamed: boolean
  readonly isReached: boolean
  readonly size: number | undefined
  readonly onReach: (address: string) => void
  readonly onMove: (event: KeyboardEvent) => void
}

/** Its rates stand below the grid, for the one that is reached. */
class Cell extends Component<CellProps> {
  override shouldComponentUpdate(next: CellProps): boolean {
    return (Object.keys(next) as (keyof CellProps)[]).some(name => next[name] !== this.props[name])
  }

  override render({ address, name, standing, isNamed, isReached, size, onReach, onMove }: CellProps) {
    const words = `${name ?? address}, ${standingWords[standing]}`
    return (
      <li>
        <a
          href={hashOf('associations', address)}
          aria-label={words}
          title={words}
          tabIndex={isReached ? 0 : -1}
          onFocus={() => onReach(address)}
          onMouseEnter={() => onReach(address)}
          onKeyDown={onMove}
        >
          <Mark standing={standing} size={size} />
          {isNamed ? <span>{name ?? address}</span> : null}
        </a>
      </li>
    )
  }
}

/** Pixels, of the 24 that a finger needs: larger where more passes, in few steps. */
function cellMark({ inbound, outbound }: Peer): number {
  return 6 + 2 * Math.round(0.7 * lineWidth(inbound + outbound))
}

function moveWithin(grid: HTMLElement | null, event: KeyboardEvent): void {
  const links = [...(grid?.querySelectorAll<HTMLElement>('a') ?? [])]
  const at = links.indexOf(event.currentTarget as HTMLElement)
  const row = () => linksInRow(links, at)
  const steps: Readonly<Record<string, () => number>> = {
    ...{ ArrowRight: () => at + 1, ArrowLeft: () => at - 1, ArrowDown: () => at + row(), ArrowUp: () => at - row() },
    ...{ Home: () => 0, End: () => links.length - 1 },
  }
  const to = steps[event.key]?.()
  if (to === undefined) return
  event.preventDefault()
  links[Math.min(links.length - 1, Math.max(0, to))]?.focus()
}

function linksInRow(links: readonly HTMLElement[], at: number): number {
  const top = links[at]?.getBoundingClientRect().top
  return Math.max(1, links.filter(link => link.getBoundingClientRect().top === top).length)
}
