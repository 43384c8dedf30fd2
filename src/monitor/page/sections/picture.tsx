// Who talks to whom: this host and its peers, a line for each thing that goes between them, told apart by colour and by dash,
// as wide as its rate. Each peer is a link to its associations. Many are a grid of marks instead, the worst first.
import { useRef } from 'preact/hooks'
import { peerLabel, shortened } from '../facts/peer-label.ts'
import { type Peer, peerWords, type Standing, standings } from '../facts/peers.ts'
import { type Layout, layoutOf, lineWidth, MOST_LINES, type Placed, pathOf, shiftsOf } from '../facts/picture-layout.ts'
import { hashOf } from '../facts/route.ts'
import { MarkShape, Named } from '../parts/mark.tsx'
import { useScreen, useSize } from '../parts/use-size.ts'
import { PeerGrid } from './peer-grid.tsx'

interface PictureProps {
  readonly own: string
  readonly peers: readonly Peer[]
}

export function Picture({ own, peers }: PictureProps) {
  const box = useRef<HTMLDivElement>(null)
  const { width } = useSize(box)
  const screen = useScreen()
  return (
    <div class="picture" ref={box}>
      {peers.length === 0 ? (
        <p class="empty">Nobody yet: hosts appear with their first packet.</p>
      ) : peers.length > MOST_LINES ? (
        <PeerGrid peers={peers} />
      ) : width === 0 ? null : (
        <Star own={own} peers={peers} layout={layoutOf(peers.length, width, screen.height * 0.46)} rem={screen.rem} />
      )}
    </div>
  )
}

interface StarProps extends PictureProps {
  readonly layout: Layout
  readonly rem: number
}

function Star({ own, peers, layout, rem }: StarProps) {
  const { width, height, hub } = layout
  const label = `Who talks to whom: this host and ${peers.length === 1 ? 'one peer' : `${peers.length} peers`}`
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is no image
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="group" aria-label={label}>
      <g>
        {peers.map((peer, index) => {
          const widths = peer.strands.map(strand => strandWidth(strand, peer))
          const shifts = shiftsOf(widths)
          return peer.strands.map((strand, place) => (
            <path
              key={`${peer.address} ${strand}`}
              class={`line l-${strand}`}
              d={pathOf(layout, layout.peers[index]!, shifts[place]!)}
              stroke-width={widths[place]}
            />
          ))
        })}
      </g>
      <g class="hub">
        <rect x={hub.x - 46} y={hub.y - 24} width="92" height="48" rx="6" />
        <text x={hub.x} y={hub.y - 3} text-anchor="middle" class="strong">
          this host
        </text>
        <text x={hub.x} y={hub.y + 13} text-anchor="middle">
          {shortened(own, 13)}
        </text>
      </g>
      {peers.map((peer, index) => (
        <PeerNode
          key={peer.address}
          peer={peer}
          place={layout.peers[index]!}
          room={Math.floor(layout.labelWidth / (0.51 * rem))}
          labelWidth={layout.labelWidth}
        />
      ))}
    </svg>
  )
}

function strandWidth(strand: Standing, { inbound, outbound }: Peer): number {
  if (strand === 'sealed') return lineWidth(inbound + outbound)
  return strand === 'leaked' ? 4.5 : 2.5
}

interface PeerNodeProps {
  readonly peer: Peer
  readonly place: Placed
  readonly labelWidth: number
  /** Letters of its first line. */
  readonly room: number
}

function PeerNode({ peer, place: { x, y, side }, labelWidth, room }: PeerNodeProps) {
  const anchor = side === 'right' ? 'start' : 'end'
  const at = side === 'right' ? x + 16 : x - 16
  const [first, second] = peerLabel(peer, room)
  const left = side === 'right' ? x - 14 : x - labelWidth - 16
  return (
    <a class="peer" href={hashOf('associations', peer.address)} aria-description={peerWords(peer)}>
      <rect class="focus" x={left} y={y - 20} width={labelWidth + 30} height="40" rx="6" />
      <g transform={`translate(${x - 9} ${y - 9}) scale(1.125)`}>
        <MarkShape standing={peer.standing} />
      </g>
      <text x={at} y={y - 2} text-anchor={anchor} class="strong">
        {first}
      </text>
      <text x={at} y={y + 13} text-anchor={anchor}>
        {second}
      </text>
    </a>
  )
}

export function PictureLegend({ peers }: { readonly peers: readonly Peer[] }) {
  const present = new Set(peers.flatMap(({ strands }) => strands))
  return (
    <ul class="legend" aria-label="Marks and lines">
      {standings
        .filter(standing => present.has(standing))
        .map(standing => (
          <li key={standing}>
            <svg class="sample" viewBox="0 0 34 10" aria-hidden="true" focusable="false">
              <path class={`line l-${standing}`} d="M1 5H33" stroke-width="3" />
            </svg>
            <Named standing={standing} />
          </li>
        ))}
    </ul>
  )
}
