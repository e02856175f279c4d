"""A Chinese VAT invoice in the usual grid: buyer, goods, sum in capital numerals, seller. Out: `SAMPLE`.

Chinese is set in STSong-Light, one of the fonts that every PDF reader has to know by name, so nothing is embedded.
The text can be read everywhere; the picture needs a Chinese font on the machine.
"""

from __future__ import annotations

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.renderPDF import draw
from reportlab.graphics.shapes import Drawing
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont

from .bill import Invoice, cents, item
from .sample import Sample
from .sheet import Column, Sheet, Style

BILL = Invoice(
    number="26330000000004173926",
    issued="2026-04-21",
    due="",
    seller="杭州青竹湾文具有限公司",
    seller_tax_id="91330000MA0004173X",
    buyer="苏州云帆渡教育科技有限公司",
    currency="CNY",
    items=(
        item("*文具*中性笔", "40", "18.50", "13", code="0.5mm 黑色 12支", unit="盒"),
        item("*纸制品*复印纸", "25", "112.00", "13", code="A4 80g 5包", unit="箱"),
        item("*家具*双门文件柜", "4", "386.00", "13", code="850x390x1800", unit="个"),
        item("*文具*磁性白板", "3", "268.50", "13", code="90x180cm", unit="块"),
    ),
)
IN_CAPITALS = "陆仟陆佰伍拾伍圆壹角肆分"  # 6655.14
SIZE = (241 * mm, 140 * mm)
BROWN, RED = "#8a3a24", "#d03030"
LABEL = Style("STSong-Light", 8.5, BROWN)
VALUE = Style("STSong-Light", 9, "#111111")
DIGITS = Style("Courier", 9, "#111111")
LEFT, RIGHT = 12, 229
COLUMNS = (
    Column("货物或应税劳务、服务名称", 14, 50),
    Column("规格型号", 66, 34),
    Column("单位", 105, 10),
    Column("数量", 133, 16, "right"),
    Column("单价", 155, 20, "right"),
    Column("金额", 181, 24, "right"),
    Column("税率", 194, 12, "right"),
    Column("税额", 227, 24, "right"),
)


def make() -> bytes:
    """The PDF, in the format of a printed fapiao."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    sheet = Sheet("增值税电子普通发票", BILL.seller, SIZE)
    _head(sheet)
    _frame(sheet)
    _party(
        sheet,
        35,
        "购买方",
        (
            BILL.buyer,
            "91320000MA0009281Q",
            "苏州市工业园区星澜街88号 0512-00004173",
            "江南湾银行苏州分行 0000 1234 5678 900",
        ),
    )
    _goods(sheet)
    _sum(sheet)
    _party(
        sheet,
        104,
        "销售方",
        (
            BILL.seller,
            BILL.seller_tax_id,
            "杭州市西溪路417号3幢 0571-00000417",
            "钱塘商业银行杭州支行 0000 4173 9260 001",
        ),
    )
    _remarks(sheet)
    _seal(sheet)
    return sheet.pdf()


def _head(sheet: Sheet) -> None:
    code = Drawing(60, 60)
    code.add(
        QrCodeWidget(f"01,32,{BILL.number},{BILL.total},20260421", barWidth=60, barHeight=60, barBorder=0)
    )
    draw(code, sheet.canvas, 14 * mm, SIZE[1] - 29 * mm)
    sheet.text(120, 15, "增值税电子普通发票", Style("STSong-Light", 19, BROWN, "centre"))
    sheet.rule(82, 18, 158, points=0.8, colour=BROWN)
    sheet.rule(82, 19.2, 158, points=0.8, colour=BROWN)
    rows = (
        ("发票号码：", BILL.number, DIGITS),
        ("开票日期：", "2026年04月21日", VALUE),
        ("校 验 码：", "00417 39260 04173 92600", DIGITS),
    )
    for position, (label, value, style) in enumerate(rows):
        y = 13 + 6 * position
        sheet.text(166, y, label, LABEL)
        sheet.text(182, y, value, style)


def _frame(sheet: Sheet) -> None:
    sheet.box(LEFT, 31, RIGHT - LEFT, 97, stroke=BROWN, points=0.9)
    for y in (54, 93, 101, 124.5):
        sheet.rule(LEFT, min(y, 101), RIGHT, points=0.7, colour=BROWN)
    for top, bottom in ((31, 54), (101, 128)):
        for x in (18, 140, 146):
            sheet.path([(x, top), (x, bottom)], stroke=BROWN, points=0.6)
    for x in (65, 103, 113, 135, 157, 183, 196):
        sheet.path([(x, 54), (x, 93)], stroke=BROWN, points=0.4)


def _party(sheet: Sheet, y: float, side: str, words: tuple[str, str, str, str]) -> None:
    _upright(sheet, 13.6, y + 3, side, LABEL)
    labels = ("名　　　　称：", "纳税人识别号：", "地 址、电 话：", "开户行及账号：")
    for position, (label, value) in enumerate(zip(labels, words, strict=True)):
        line = y + 1.5 + 5.4 * position
        sheet.text(20, line, label, LABEL)
        sheet.text(43, line, value, DIGITS if value.isascii() else VALUE)


def _goods(sheet: Sheet) -> None:
    titles = [column.title for column in COLUMNS]
    sheet.row(58.5, COLUMNS, titles, LABEL)
    y = 65.0
    for entry in BILL.items:
        tax = str(cents(entry.amount * entry.rate / 100))
        sheet.row(y, COLUMNS[:2], (entry.description, entry.code), VALUE)
        _upright(sheet, COLUMNS[2].x, y, entry.unit, VALUE)
        figures = (str(entry.quantity), str(entry.unit_price), str(entry.amount), f"{entry.rate}%", tax)
        sheet.row(y, COLUMNS[3:], figures, DIGITS)
        y += 5.6
    sheet.text(38, 91, "合　　　　计", LABEL.but(align="centre"))
    sheet.text(181, 91, f"¥{BILL.net}", DIGITS.but(align="right"))
    sheet.text(227, 91, f"¥{BILL.tax}", DIGITS.but(align="right"))


def _sum(sheet: Sheet) -> None:
    sheet.text(16, 98.6, "价税合计（大写）", LABEL)
    sheet.circle(70, 97.4, 1.6, stroke="#111111")
    sheet.path([(68.9, 96.3), (71.1, 98.5)], stroke="#111111")
    sheet.path([(68.9, 98.5), (71.1, 96.3)], stroke="#111111")
    sheet.text(74, 98.6, IN_CAPITALS, VALUE.but(size=10))
    sheet.text(160, 98.6, "（小写）", LABEL)
    sheet.text(175, 98.6, f"¥{BILL.total}", DIGITS.but(size=10))


def _remarks(sheet: Sheet) -> None:
    _upright(sheet, 141.6, 107, "备注", LABEL)
    sheet.lines(148, 106, ("送货单号：QZ-20260418-07", "币种：人民币（CNY）"), VALUE)
    _upright(sheet, 141.6, 38, "密码区", LABEL)
    cipher = (
        "03*7+<4>92/-61*0>+5<8*2/7-4+",
        "9/2<-*60+>4173*92/5+8-<0>1*6",
        "7>4-+3*/0<92+6*17>5-8/<4+0*2",
        "1+6<8/>*3-0492*7+/5>61-<4*0+",
    )
    sheet.lines(149, 37, cipher, DIGITS.but(leading=1.6))
    for x, label, name in (
        (20, "收款人：", "沈若溪"),
        (75, "复核：", "顾一鸣"),
        (125, "开票人：", "陆青禾"),
        (178, "销售方：（章）", ""),
    ):
        sheet.text(x, 133.5, label, LABEL)
        sheet.text(x + 3.2 * len(label), 133.5, name, VALUE)


def _upright(sheet: Sheet, x: float, y: float, words: str, style: Style) -> None:
    """Signs below each other. Subtle: PDFium skips a text of one sign when its font is not on the machine, unless a blank follows."""
    sheet.lines(x, y, [f"{sign} " for sign in words], style.but(leading=1.7))


def _seal(sheet: Sheet) -> None:
    canvas = sheet.canvas
    canvas.setLineWidth(1.6)
    canvas.setStrokeColor(RED)
    canvas.ellipse(184 * mm, 11 * mm, 224 * mm, 37 * mm, fill=0, stroke=1)
    stamp = Style("STSong-Light", 8, RED, "centre")
    sheet.text(204, 112, BILL.seller, stamp.but(size=7.4))
    sheet.text(204, 117.4, BILL.seller_tax_id, Style("Helvetica", 6.4, RED, "centre"))
    sheet.text(204, 123.5, "发票专用章", stamp)


SAMPLE = Sample(
    name="invoice_zh.pdf",
    what="VAT invoice (增值税电子普通发票) of a Chinese stationer",
    special="Chinese labels, `2026年04月21日`, sum in capital numerals, a cipher block and a seal, no font embedded",
    make=make,
    schema="invoice",
    values=BILL.gold(),
)
