/** The style sheet of the report: readable on paper, on a phone and in the dark. */
export const CSS: string = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1a2130;--soft:#5a6475;--line:#dfe3ea;
--allowed:#2f6fb3;--denied:#c8501e;--failed:#7a3fa0;--aborted:#8b93a1;--retried:#2c8f8f;--good:#1d7a46;--bad:#b3261e;--hint:#8a6100;
--good-bg:#e7f5ec;--bad-bg:#fdebe9;--hint-bg:#fff5dc}
@media (prefers-color-scheme:dark){:root{--page:#12161d;--card:#1b212b;--ink:#e6e9ef;--soft:#a2abba;--line:#313a48;
--allowed:#6aa9ea;--denied:#f08a58;--failed:#c08ee6;--aborted:#7d8696;--retried:#4fc0c0;--good:#6fd39b;--bad:#ff9a92;--hint:#f0c869;
--good-bg:#14301f;--bad-bg:#3a1a18;--hint-bg:#332a12}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px}
h2{font-size:1.15rem;margin:0 0 4px}
p{margin:0 0 8px}
.soft{color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin-top:18px}
.status{border-left-width:6px}
.status h2{font-size:1.25rem}
.good{border-color:var(--good);background:var(--good-bg)}.good h2{color:var(--good)}
.bad{border-color:var(--bad);background:var(--bad-bg)}.bad h2{color:var(--bad)}
.hint{border-color:var(--hint);background:var(--hint-bg)}.hint h2{color:var(--hint)}
ul{margin:6px 0 0;padding-left:20px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:12px;margin:18px 0 0;padding:0}
.figures div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.figures dt{color:var(--soft);font-size:.85rem}
.figures dd{margin:0;font-size:1.6rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.25}
.key i,.figures i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}
.allowed{background:var(--allowed);fill:var(--allowed)}.denied{background:var(--denied);fill:var(--denied)}
.failed{background:var(--failed);fill:var(--failed)}.aborted{background:var(--aborted);fill:var(--aborted)}
.retried{background:var(--retried);fill:var(--retried)}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:.9rem;margin:8px 0 0}
.plot{display:flex;gap:8px;margin-top:10px}
.plot svg{width:100%;height:170px;border-bottom:1px solid var(--line);border-left:1px solid var(--line);display:block}
.scale{display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:.8rem;color:var(--soft)}
.axis{display:flex;justify-content:space-between;gap:10px;font-size:.8rem;color:var(--soft);margin:4px 0 0 26px}
.wide{overflow-x:auto;margin-top:10px}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;padding:7px 10px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
thead th{color:var(--soft);font-weight:600;font-size:.83rem;white-space:nowrap}
tbody tr:last-child>*{border-bottom:0}
tfoot td,tfoot th{border-top:2px solid var(--line);border-bottom:0;font-weight:650}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.n+.time,th.n+th{padding-left:14px}
.zero{color:var(--soft);opacity:.55}
.time{white-space:nowrap;font-variant-numeric:tabular-nums}
code,.name{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em;
overflow-wrap:anywhere}
.share{width:26%;min-width:70px}.share svg{width:100%;height:10px;display:block;margin-top:6px}
tr.sub td:first-child>*{padding-left:18px}
.about{margin:8px 0 0}.about div{overflow-wrap:anywhere}
.about>div{display:flex;gap:4px 14px;padding:4px 0;border-bottom:1px solid var(--line)}.about>div:last-child{border-bottom:0}
.about dt{flex:0 0 170px;color:var(--soft)}.about dd{margin:0;min-width:0}
summary{cursor:pointer;color:var(--soft);margin-top:10px}
footer{color:var(--soft);font-size:.9rem;margin-top:22px}
pre{margin:6px 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
@media (max-width:640px){.about>div{display:block}main{padding:16px 12px 32px}section{padding:14px}.plot svg{height:120px}
.cards thead{display:none}.cards,.cards tbody,.cards tfoot,.cards tr{display:block}
.cards tr{padding:8px 0;border-bottom:1px solid var(--line)}.cards tbody tr:last-child{border-bottom:0}
.cards td,.cards th,.cards .n+.time{display:flex;gap:10px;padding:2px 0;border:0;text-align:left;white-space:normal}
.cards [data-label]::before{content:attr(data-label);color:var(--soft);font-size:.83rem;font-weight:400;flex:0 0 84px}
.cards .empty,.cards .share,.cards td.zero{display:none}}
@media print{body{background:#fff}section,.figures div{break-inside:avoid}main{max-width:none;padding:0}}
`;
