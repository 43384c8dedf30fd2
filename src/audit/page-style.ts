// The style of the page: light and dark as the reader's system has it, from a telephone to a wall, and on paper. Colours
// are those that colour-blind people tell apart best (blue, orange, yellow, sky, vermilion: Okabe and Ito).
import { verdictStyles } from './page-verdicts.ts'

const light = `
--paper:#fff;--panel:#f6f7f9;--ink:#14171c;--soft:#4d5561;--line:#c9ced6;--edge:#14171c;--link:#00508a;
--protected:#0072b2;--keying:#56b4e9;--exempt:#f0e442;--permitted:#e9ecf0;--leaked:#d55e00;--blocked:#e69f00;
--not-ip:#c4c9d1;--malformed:#8a919c;--no-policy:#d9dde3;
--on-protected:#fff;--on-keying:#003a5c;--on-exempt:#4a4200;--on-permitted:#5d6672;--on-leaked:#fff;--on-blocked:#4a3000;
--on-not-ip:#2b3038;--on-malformed:#fff;--on-no-policy:#5d6672;`

const dark = `
--paper:#14171c;--panel:#1c2027;--ink:#eceff4;--soft:#aeb6c2;--line:#3a414c;--edge:#eceff4;--link:#8ecbff;
--protected:#2f8fd0;--keying:#7cc8f5;--exempt:#f0e442;--permitted:#3a414c;--leaked:#f0701a;--blocked:#e69f00;
--not-ip:#59616e;--malformed:#8a919c;--no-policy:#2b313a;
--on-protected:#fff;--on-keying:#003a5c;--on-exempt:#4a4200;--on-permitted:#aeb6c2;--on-leaked:#2b1000;--on-blocked:#3d2800;
--on-not-ip:#eceff4;--on-malformed:#14171c;--on-no-policy:#8a93a1;`

/** Of a picture that stands alone too: the colours by name, as the reader's system has them. */
export function paletteStyle(): string {
  return `:root{color-scheme:light dark;${light}}
@media (prefers-color-scheme:dark){:root{${dark}}}`
}

export function pageStyle(): string {
  return `
${paletteStyle()}
*{box-sizing:border-box}
html{font-size:clamp(15px,10.5px + .35vw,24px);-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.45 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
body>header,main,body>footer{padding:0 clamp(.9rem,2.5vw,3rem)}
h1{font-size:1.65rem;line-height:1.2;margin:1.2rem 0 .4rem}
h2{font-size:1.3rem;margin:2rem 0 .6rem;overflow-wrap:anywhere}
h3{font-size:1.08rem;margin:0 0 .5rem}
h4{font-size:1rem;margin:0 0 .25rem;display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:center}
p{margin:.3rem 0 .6rem;max-width:75ch}
a{color:var(--link)}
a:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:.5rem;top:.5rem;background:var(--paper);padding:.5rem}
nav ul{list-style:none;margin:.6rem 0;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}
nav a{display:inline-block;padding:.25rem 0;overflow-wrap:anywhere}
.answer{border:2px solid var(--edge);border-left-width:.9rem;border-radius:.3rem;padding:.7rem 1rem;margin:.8rem 0;font-size:1.12rem;background:var(--panel)}
.answer p{margin:.15rem 0}
.answer.leaked{border-left-color:var(--leaked)}
.answer.fine{border-left-color:var(--protected)}
.answer.unknown{border-left-color:var(--malformed)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,11rem),1fr));gap:.5rem 1.4rem;margin:.6rem 0 1rem}
.facts div{min-width:0}
.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;overflow-wrap:anywhere}
.parts{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem}
section section{background:var(--panel);border:1px solid var(--line);border-radius:.4rem;padding:.9rem 1rem;min-width:0}
.scroll{overflow-x:auto;margin:0 0 .6rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}
.caption{color:var(--soft);font-size:.88rem;margin:.5rem 0 0}
th,td{text-align:left;vertical-align:top;padding:.28rem .75rem .28rem 0;white-space:nowrap;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;border-bottom-color:var(--soft)}
tbody th{font-weight:600;position:sticky;left:0;background:var(--panel);z-index:1}
#main>section>.scroll tbody th{background:var(--paper)}
.number{text-align:right;font-variant-numeric:tabular-nums}
.text{white-space:normal;min-width:min(13rem,40vw)}
td:last-child,th:last-child{padding-right:0}
small,.aside{color:var(--soft);font-size:.85rem}
.verdict{display:inline-flex;align-items:center;gap:.45rem;white-space:nowrap}
.swatch{flex:none;width:1.05em;height:1.05em}
.definitions{position:absolute}
svg{display:block}
.edge{stroke:var(--edge);stroke-width:1}
.grid{stroke:var(--line);stroke-dasharray:3 4}
text{fill:var(--soft);font-size:.8rem;stroke:var(--panel);stroke-width:4px;paint-order:stroke}
.axis{stroke:var(--soft)}
.chart rect,.lane rect{shape-rendering:crispEdges}
.chart g:hover{opacity:.65}
.share{border:1px solid var(--edge)}
.share .edge{stroke-width:.75}
figure{margin:0}
figcaption{color:var(--soft);font-size:.88rem;margin:.4rem 0 .8rem}
.ticks{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem;font-variant-numeric:tabular-nums;margin:.15rem 0 .6rem}
@media (max-width:34rem){.ticks span:nth-child(even){display:none}}
.lane p{margin:.35rem 0 .1rem;font-size:.92rem}
.lane small{margin-left:.4rem}
.cell{min-width:8.5rem;max-width:14rem}
.cell .amount{font-variant-numeric:tabular-nums;white-space:nowrap}
.cell .share{margin-top:.25rem}
.none{color:var(--soft);text-align:center}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
td.none{position:relative}
.finding{border-left:.45rem solid var(--malformed);padding:.1rem 0 .1rem .8rem;margin:.9rem 0}
.f-leaked{border-color:var(--leaked)}
.f-blocked{border-color:var(--blocked)}
.f-exempt{border-color:var(--exempt)}
code{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}
body>footer{margin:2rem 0 1.5rem;color:var(--soft);font-size:.88rem}
@media (min-width:100rem){
.parts{grid-template-columns:minmax(0,1fr) minmax(0,1fr);grid-template-rows:repeat(5,min-content) 1fr;align-items:start}
.parts>*{grid-column:1}
.parts>.findings{grid-column:2;grid-row:1/span 6}
.parts>.full{grid-column:1/-1;grid-row:7}
}
@media print{
:root{${light}}
html{font-size:9.5pt}
@page{margin:14mm}
nav,.skip{display:none}
section section{background:none;border:0;border-top:1px solid var(--line);border-radius:0;padding:.5rem 0}
.scroll{overflow:visible}
tr,figure,.answer,.facts div{break-inside:avoid}
h2,h3,h4,.caption{break-after:avoid}
thead{display:table-header-group}
.parts{display:block}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
th,td{white-space:normal}
.text{min-width:0}
code{word-break:break-all}
tbody th{position:static;background:none}
@page wide{size:A4 landscape}
.full{page:wide;font-size:5.5pt}
.full table{font-size:1em;table-layout:fixed}
.full th,.full td{padding-right:.4em;overflow-wrap:anywhere}
.full .cell{min-width:0}
.full .cell .verdict,.full .cell .amount{display:block;white-space:normal}
}
${verdictStyles()}
`
}
