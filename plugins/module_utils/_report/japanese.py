# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The report in Japanese, by its English texts."""

from __future__ import annotations

JAPANESE = {
    # Punctuation and units.
    ", ": "、",
    ": ": ": ",
    ".": "。",
    "s": "秒",
    "min": "分",
    "{seconds:.1f} s": "{seconds:.1f} 秒",
    "{seconds} s": "{seconds} 秒",
    "{minutes} min": "{minutes} 分",
    "{minutes} min {seconds:02} s": "{minutes} 分 {seconds:02} 秒",
    "{hours} h {minutes:02} min": "{hours} 時間 {minutes:02} 分",
    "duration, {unit}": "所要時間 ({unit})",
    # The page, its runs and its files.
    "Drawn by virtscale.tuning from the files beside this page: ": (
        "このページと同じ場所にある次のファイルから virtscale.tuning が作成: "
    ),
    "Run {run}.": "実行 {run}。",
    "run": "実行",
    "1 run": "実行 1 件",
    "{number} runs side by side": "{number} 件の実行の比較",
    "began": "開始",
    "took": "所要時間",
    "took {time}": "所要時間 {time}",
    "outcome": "結果",
    " (check mode)": " (チェックモード)",
    "Check mode: nothing was changed.": "チェックモード: 何も変更していません。",
    "1 host": "1 ホスト",
    "{number:,} hosts": "{number:,} ホスト",
    "and {number:,} more in the record beside this page": "ほか {number:,} 件は、このページと同じ場所にある記録を参照",
    "and {number:,} more in the table beside this page": "ほか {number:,} 件は、このページと同じ場所にある表を参照",
    "yes": "はい",
    "no": "いいえ",
    "none": "なし",
    # How values ended.
    "failed": "失敗",
    "refused": "拒否",
    "overridden": "上書きされている",
    "pending": "保留",
    "would change": "変更予定",
    "changed": "変更済み",
    "noted": "注記",
    "right already": "変更不要",
    "1 value failed or refused": "1 個の値が失敗または拒否",
    "{number:,} values failed or refused": "{number:,} 個の値が失敗または拒否",
    "1 value overridden": "1 個の値がほかの設定で上書き",
    "{number:,} values overridden": "{number:,} 個の値がほかの設定で上書き",
    "1 value waiting for permission to disrupt": "1 個の値が停止許可待ち",
    "{number:,} values waiting for permission to disrupt": "{number:,} 個の値が停止許可待ち",
    "1 value would change": "1 個の値を変更予定",
    "{number:,} values would change": "{number:,} 個の値を変更予定",
    "1 value set and read back": "1 個の値を設定して読み戻し済み",
    "{number:,} values set and read back": "{number:,} 個の値を設定して読み戻し済み",
    "Everything was right already.": "すべての値がすでに適正です。",
    "Measured; there was nothing to set.": "測定のみで、設定する値はありません。",
    "Nothing was recorded.": "記録はありません。",
    "the rest was right already": "残りはすでに適正",
    "1 value was right already": "1 個の値はすでに適正",
    "{number:,} values were right already": "{number:,} 個の値はすでに適正",
    "Nothing failed, was refused, overridden or left pending.": "失敗、拒否、上書き、保留はありません。",
    "Needs attention": "要確認",
    "Needs attention: {run}": "要確認: {run}",
    "No reason was recorded.": "理由は記録されていません。",
    "no reason was recorded": "理由は記録されていません",
    # Values.
    "Values": "設定値",
    "What": "項目",
    "Before": "変更前",
    "Wanted": "目標",
    "Effective": "実効値",
    "Where and why": "場所と理由",
    "wanted": "目標",
    "effective": "実効値",
    "empty": "空",
    "unknown": "不明",
    "{low} to {high}, {number} values": "{low} ～ {high}、{number} 種類",
    " (and {number} more alike)": " (同様の理由がほか {number} 件)",
    "Before and after on {number} places, a cell each; the values are the most common change": (
        "{number} か所の変更前と変更後 (1 か所 1 マス)。値は最も多い変更"
    ),
    "How values ended": "設定値の結果",
    "What is effective differs": "実効値が異なる項目",
    "What was measured": "測定結果",
    "What was planned, and from what": "計画とその根拠",
    "What applying it returned": "適用の結果",
    "What was read back": "読み戻した値",
    # What roles and sections are about.
    "Network of the Ceph hosts": "Ceph ホストのネットワーク",
    "Placement groups": "配置グループ",
    "Ceph metrics": "Ceph のメトリクス",
    "Fleet of VMs": "VM 群",
    "Latency of VMs": "VM のレイテンシー",
    "Zones and live migration": "ゾーンとライブマイグレーション",
    "Storage and golden images": "ストレージとゴールデンイメージ",
    "Kubelets": "kubelet",
    "Rollout over the nodes": "ノードへのロールアウト",
    "Upgrade of the cluster": "クラスタのアップグレード",
    "Network, placement groups and rollouts": "ネットワーク、配置グループ、ロールアウト",
    "Deployment of VMs": "VM のデプロイメント",
    "Boot storm": "ブートストーム",
    "Live migration": "VM の移行",
    # Beside the paper.
    "the paper": "論文",
    "here": "今回",
    "in the paper": "論文",
    "at most in the paper": "論文での最大",
    "the paper, compressed {factor:g} times alike": "論文 (同じく {factor:g} 分の 1 に短縮)",
    "the cluster's own durations are compressed {factor:g} times: 1 s here stands for {factor:g} s": (
        "クラスタ自体の所要時間を {factor:g} 分の 1 に短縮: ここでの 1 秒は {factor:g} 秒に相当"
    ),
    # What several subjects share.
    "VMs": "VM 数",
    "{number:,} VM": "VM {number:,} 台",
    "{number:,} VMs": "VM {number:,} 台",
    "{vms:,} VMs": "{vms:,} 台",
    "{number} node": "{number} ノード",
    "{number} nodes": "{number} ノード",
    "nodes": "ノード数",
    "mean": "平均",
    "max": "最大",
    "running": "稼働",
    "from first to last": "最初から最後まで",
    "where": "場所",
    "at": "段階",
    "reason": "理由",
    "{number:,} VM failed": "VM {number:,} 台が失敗",
    "{number:,} VMs failed": "VM {number:,} 台が失敗",
    "{number:,} failures; no figure above counts them": "失敗 {number:,} 件 (上の数値には含まない)",
    "limit {limit:g}": "上限 {limit:g}",
    # Tuning.
    "Round trip to the farthest peer, average and range; the worst is {host} with {ms:g} ms": (
        "最も遠い相手への往復時間、平均と範囲。最大は {host} の {ms:g} ms"
    ),
    "{host}: {avg_ms:g} ms on average, {min_ms:g} to {max_ms:g}": (
        "{host}: 平均 {avg_ms:g} ms、{min_ms:g} ～ {max_ms:g} ms"
    ),
    "round trip, ms": "往復時間 (ms)",
    "placement groups per OSD, replicas counted": "OSD あたりの配置グループ数 (レプリカを含む)",
    "PGs per OSD": "OSD あたりの PG 数",
    "pool {name}": "プール {name}",
    "now": "現在",
    "planned": "計画",
    "planned, with one host out": "計画、ホスト 1 台停止時",
    "When each node was rolled, by pool": "各ノードを更新した時刻 (プール別)",
    "since the first node, {unit}": "最初のノードからの経過 ({unit})",
    # Deployments.
    "Fastest here: {series}, {rate:,.0f} VMs a minute": "今回の最速: {series}、毎分 {rate:,.0f} 台",
    "fastest in the paper: batches of {batch}; it deployed up to {most} at once, and gives no durations": (
        "論文の最速: {batch} 台ずつ (同時に最大 {most} 台まで試験、所要時間の記載なし)"
    ),
    "batches of {size:,}": "{size:,} 台ずつ",
    "all at once": "一括",
    "{rate:g} a second": "毎秒 {rate:g} 台",
    "{time}, {rate:,.0f} VMs a minute": "{time}、毎分 {rate:,.0f} 台",
    "How long a deployment took, by the size of its batches": "バッチの大きさごとのデプロイ時間",
    "from the first request to the last VM, {unit}": "最初の要求から最後の VM まで ({unit})",
    "VMs deployed, with this batch": "このバッチまでの VM 数",
    "duration of a batch, {unit}": "1 バッチの所要時間 ({unit})",
    "batch {number}": "バッチ {number}",
    "How long each batch took until its last clone, as the fleet grew": (
        "VM の増加に伴う各バッチの所要時間 (最後のクローンまで)"
    ),
    "The deployments in figures": "デプロイメントの数値",
    "VMs a minute": "毎分の VM 数",
    "created": "作成",
    "cloned": "クローン",
    "How long a VM took, from its own request on": "VM 1 台の所要時間 (その VM の要求から)",
    "The whole fleet, and what it cost": "全体の規模とコスト",
    "pods": "Pod 数",
    "requests": "要求数",
    "requests per VM": "VM あたりの要求数",
    "pods created in": "Pod 作成の時間",
    "pods running in": "Pod 稼働までの時間",
    "memory of the controller, at most": "コントローラの最大メモリ",
    # Boot storms.
    "{answered:,} of {vms:,} VMs answered, the last after {time}": (
        "{vms:,} 台中 {answered:,} 台が応答、最後の VM は {time} 後"
    ),
    "the paper: 1:42 for 100 VMs and 17:45 for 1,000 (minutes and seconds), almost linear between": (
        "論文: 100 台で 1 分 42 秒、1,000 台で 17 分 45 秒、その間はほぼ線形"
    ),
    "How long VMs took to answer, by how many started at once": "VM が応答するまでの時間 (同時に起動した台数別)",
    "VMs started at once": "同時に起動した VM 数",
    "from the request until SSH answers, {unit}": "要求から SSH の応答まで ({unit})",
    "the last VM": "最後の VM",
    "How many VMs answered when; each curve bears the number that started": (
        "応答した VM 数の推移 (曲線の数字は起動した台数)"
    ),
    "VMs that answer": "応答する VM 数",
    "since the request, {unit}": "要求からの経過 ({unit})",
    "The storms in figures, from the request until SSH answers": "ブートストームの数値 (要求から SSH の応答まで)",
    "answered": "応答",
    "running, p99": "稼働、p99",
    # Latencies.
    "the paper: under load read down to {read} and write up to {write}; while VMs migrate {moving_read} and "
    "{moving_write}, migrations {low:g} to {high:g} % longer": (
        "論文: 負荷時に読み取りは最大 {read}、書き込みは最大 {write}。移行中は読み取り {moving_read}、"
        "書き込み {moving_write}、移行時間は {low:g} ～ {high:g} % 増加"
    ),
    "migrating took {time} with load, {percent} to {alone} without": (
        "移行時間は負荷ありで {time}、負荷なしの {alone} に対して {percent}"
    ),
    "Random read, 4 KiB": "ランダム読み取り、4 KiB",
    "Random write, 4 KiB": "ランダム書き込み、4 KiB",
    "read": "読み取り",
    "write": "書き込み",
    "idle": "アイドル",
    "under load": "負荷時",
    "{number} replicas": "レプリカ {number}",
    "Latency against nodes": "ノード数とレイテンシー",
    "latency, ms": "レイテンシー (ms)",
    "nodes, {vms} VMs on each": "ノード数 (各 {vms} 台の VM)",
    "Mean latency under load, as a difference to idle VMs on as many nodes": (
        "負荷時の平均レイテンシー (同じノード数のアイドル VM との差)"
    ),
    "difference to idle VMs": "アイドル VM との差",
    "Latency while VMs migrate, and after": "VM の移行中と移行後のレイテンシー",
    "mean latency, as a difference to before the migration": "平均レイテンシー (移行前との差)",
    "no migration": "移行なし",
    "before the migration": "移行前",
    "during the migration": "移行中",
    "after the migration": "移行後",
    "Before, during and after the migration": "移行前、移行中、移行後",
    "mean, ms": "平均 (ms)",
    "to before": "移行前との差",
    "IOPS per VM": "VM あたりの IOPS",
    "asked": "要求",
    "How far idle VMs' latencies lie apart over all numbers of nodes": (
        "アイドル VM のレイテンシーの差異 (全ノード数を通して)"
    ),
    "lowest mean, ms": "平均の最小 (ms)",
    "highest mean, ms": "平均の最大 (ms)",
    "apart": "差異",
    "below {percent:g} %": "{percent:g} % 未満",
    "The latencies in figures": "レイテンシーの数値",
    # Migrations.
    "{vms:,} VMs moved in {migrations:,} live migrations off {nodes} nodes, {time} from first to last": (
        "{nodes} ノードから VM {vms:,} 台がライブマイグレーション {migrations:,} 回で移行、最初から最後まで {time}"
    ),
    "1 migration failed": "1 回の移行が失敗",
    "1 VM restarted": "VM 1 台が再起動",
    "1 VM not running now": "VM 1 台が現在停止中",
    "{number:,} migrations failed": "{number:,} 回の移行が失敗",
    "{number:,} retried": "{number:,} 回を再試行",
    "{number:,} not seen to end": "{number:,} 回は終了を未確認",
    "{number:,} VMs restarted": "VM {number:,} 台が再起動",
    "{number:,} VMs not running now": "VM {number:,} 台が現在停止中",
    "Seconds in which the memory of machines moved, and what went before": (
        "VM のメモリが移動した時間とそれまでの時間 (秒)"
    ),
    "machines": "VM 数",
    "{number:,} machine": "VM {number:,} 台",
    "{number:,} machines": "VM {number:,} 台",
    "quick": "短時間",
    "{percent} in {seconds:.3g} s": "{seconds:.3g} 秒以内に {percent}",
    ", {percent} in 7 s": "、7 秒以内に {percent}",
    "asked to leave, no migration yet": "退避要求から移行の作成まで",
    "waiting for a place": "順番待ち",
    "being prepared": "準備",
    "from creation to end": "作成から終了まで",
    "How many percent of the machines moved in how many seconds": "移行時間ごとの VM の割合",
    "{name}: {number:,}, mean {mean}": "{name}: {number:,} 台、平均 {mean}",
    "{os}, {low} to {high} s: {machines:,} machines, {percent:.1f} %": (
        "{os}、{low} ～ {high} 秒: {machines:,} 台、{percent:.1f} %"
    ),
    "{number:,} more, up to {seconds:g} s": "ほか {number:,} 台、最長 {seconds:g} 秒",
    "mean here": "今回の平均",
    "mean in {paper}": "{paper}の平均",
    "From first to last: migrations against the limits, and what each node did": (
        "最初から最後まで: 上限に対する移行数と各ノードの状態"
    ),
    "since the first, {unit}": "最初からの経過 ({unit})",
    "migrations at once": "同時に移行中の VM 数",
    "migrations off the busiest node": "最多ノードから移行中の VM 数",
    "machines in the queue": "待機中の VM 数",
    "waiting for its drain or its return": "退避または復帰の待機",
    "draining": "退避中",
    "rebooting": "再起動中",
    ", a step seen late": "、一部の段階を遅れて検出",
    "How the time was spent": "時間の内訳",
    "machines on the move": "VM が移行中",
    "no machine on the move": "移行中の VM なし",
    "a node's waiting, mean of {number}": "ノードの待機、{number} 台の平均",
    "a node's drain, mean of {number}": "ノードの退避、{number} 台の平均",
    "a node's reboot, mean of {number}": "ノードの再起動、{number} 台の平均",
    # Upgrades.
    "How long the upgrade took": "アップグレードの所要時間",
    "The upgrade in figures": "アップグレードの数値",
    "control plane": "コントロールプレーン",
    "pools": "プール",
    "whole": "全体",
    "the paper's minor upgrade": "論文のマイナーアップグレード",
    "VMs lost": "失われた VM",
    "{lost:,} of {vms:,}": "{vms:,} 台中 {lost:,} 台",
    "the paper's major upgrade": "論文のメジャーアップグレード",
    "The paper's durations are compressed alike": "論文の所要時間も同じ割合で短縮",
}
