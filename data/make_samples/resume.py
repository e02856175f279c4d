"""A resume with a side bar for contact, skills and languages, and a main column for posts and degrees. Out: `SAMPLE`."""

from __future__ import annotations

from dataclasses import dataclass

from .sample import Sample
from .sheet import Sheet, Style

NAME = "Leonora Adeyinka-Strand"
HEADLINE = "Water Quality Engineer"
EMAIL, PHONE, LOCATION = "leonora.strand@mail.example", "+44 1632 960551", "Port Ashling, United Kingdom"
SKILLS = (
    "Drinking water safety plans",
    "Online sensor networks",
    "Hydraulic modelling",
    "Python",
    "SQL",
    "R",
    "Statistical process control",
    "Tracer testing",
    "Regulatory reporting",
    "Team leadership",
)
LANGUAGES = ("English (native)", "Norwegian (fluent)", "Yoruba (conversational)")
CLAY, PAPER, DARK = "#b4532a", "#f4efe8", "#2b2b2b"
BODY = Style(size=9.2, leading=1.36)
BOLD = BODY.but(font="Helvetica-Bold", size=10.2)
SMALL = BODY.but(size=8.6, colour="#555555")
MAIN, WIDTH = 78, 116


@dataclass(frozen=True, slots=True)
class Post:
    """One employment, with what was done there."""

    employer: str
    position: str
    start: str
    end: str
    place: str
    duties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """One degree."""

    institution: str
    degree: str
    year: int
    note: str


PROFILE = (
    "Chartered engineer with eleven years in water supply, from the sampling van to the control room. I like problems in which chemistry, "
    "pipes and data meet, and I have led teams of up to nine people through incidents, audits and the replacement of a telemetry system."
)
POSTS = (
    Post(
        "Ashling & Vale Water",
        "Lead Water Quality Engineer",
        "March 2021",
        "present",
        "Port Ashling",
        (
            "Runs the quality programme for 14 works and 3,900 km of mains that serve 610,000 people.",
            "Cut discolouration complaints by 38 per cent in three years with a flushing plan built from sensor data.",
            "Introduced a weekly review in which operators and laboratory staff look at every out-of-range result together.",
        ),
    ),
    Post(
        "Fjordvann Rådgivning AS",
        "Process Engineer",
        "August 2017",
        "February 2021",
        "Sandvåg, Norway",
        (
            "Designed ultraviolet and membrane stages for nine small supplies, and commissioned seven of them.",
            "Wrote the tool that compares pilot runs; it is now used in all four offices.",
        ),
    ),
    Post(
        "Merrowdale Analytical Services",
        "Sampling Scientist",
        "September 2015",
        "July 2017",
        "Merrowdale",
        (
            "Planned rounds for 220 sampling points and trained eight samplers.",
            "Brought the share of rejected bottles from 4.1 to 0.6 per cent.",
        ),
    ),
)
STUDIES = (
    Study(
        "University of Carrowmere",
        "MSc Environmental Engineering",
        2015,
        "Thesis on chlorine decay in rural networks, with distinction",
    ),
    Study("Northgate Polytechnic", "BSc Chemistry", 2013, "First class"),
)


def make() -> bytes:
    """The PDF."""
    sheet = Sheet(f"Resume of {NAME}", NAME)
    _bar(sheet)
    _main(sheet)
    return sheet.pdf()


def _bar(sheet: Sheet) -> None:
    sheet.box(0, 0, 68, 297, fill=PAPER)
    sheet.circle(34, 32, 17, fill=CLAY)
    sheet.text(34, 36.4, "LA", Style("Times-Roman", 34, "#ffffff", "centre"))
    y = _block(sheet, 64, "Contact", (EMAIL, PHONE, LOCATION))
    y = _block(sheet, y, "Skills", SKILLS)
    y = _block(sheet, y, "Languages", LANGUAGES)
    y = _block(sheet, y, "Memberships", ("Guild of Water Engineers,", "chartered since 2019"))
    _block(sheet, y, "Interests", ("Open-water swimming,", "letterpress, tide tables"))


def _block(sheet: Sheet, y: float, title: str, words: tuple[str, ...]) -> float:
    sheet.text(10, y, title.upper(), Style("Helvetica-Bold", 9.6, CLAY))
    sheet.rule(10, y + 1.8, 60, points=0.6, colour=CLAY)
    return sheet.lines(10, y + 7.4, words, BODY.but(size=8.8, leading=1.5)) + 6


def _main(sheet: Sheet) -> None:
    sheet.text(MAIN, 30, NAME, Style("Times-Bold", 24, DARK))
    sheet.text(MAIN, 39, HEADLINE, Style("Helvetica", 13, CLAY))
    y = _section(sheet, 53, "Profile")
    y = sheet.paragraph(MAIN, y, WIDTH, PROFILE, BODY) + 6
    y = _section(sheet, y, "Experience")
    for post in POSTS:
        y = _post(sheet, y, post)
    y = _section(sheet, y + 3, "Education")
    for study in STUDIES:
        sheet.text(MAIN, y, study.degree, BOLD)
        sheet.text(MAIN + WIDTH, y, str(study.year), SMALL.but(align="right"))
        y = sheet.lines(MAIN, y + 4.8, (study.institution, study.note), BODY) + 3
    y = _section(sheet, y + 3, "Publication")
    words = "Flushing by forecast: two winters of turbidity data from a coastal network. Talk and poster, Small Supplies Days, 2024."
    sheet.paragraph(MAIN, y, WIDTH, words, BODY)


def _section(sheet: Sheet, y: float, title: str) -> float:
    sheet.text(MAIN, y, title.upper(), Style("Helvetica-Bold", 10.6, DARK))
    sheet.rule(MAIN, y + 2, MAIN + WIDTH, points=0.8, colour=DARK)
    return y + 8


def _post(sheet: Sheet, y: float, post: Post) -> float:
    sheet.text(MAIN, y, post.position, BOLD)
    sheet.text(MAIN + WIDTH, y, f"{post.start} - {post.end}", SMALL.but(align="right"))
    sheet.text(
        MAIN, y + 4.8, f"{post.employer}, {post.place}", BODY.but(font="Helvetica-Oblique", colour=CLAY)
    )
    y += 10.2
    for duty in post.duties:
        sheet.circle(MAIN + 1, y - 1.1, 0.6, fill=CLAY)
        y = sheet.paragraph(MAIN + 4, y, WIDTH - 4, duty, BODY) + 0.6
    return y + 3.4


SAMPLE = Sample(
    name="resume.pdf",
    what="Resume of a water quality engineer",
    special="side bar beside the main column, dates at the right margin, `present` as an end date",
    make=make,
    schema="resume",
    values={
        "name": NAME,
        "email": EMAIL,
        "phone": PHONE,
        "location": LOCATION,
        "headline": HEADLINE,
        "skills": list(SKILLS),
        "experience": [
            {
                "employer": post.employer,
                "position": post.position,
                "start_date": post.start,
                "end_date": post.end,
            }
            for post in POSTS
        ],
        "education": [
            {"institution": study.institution, "degree": study.degree, "year": study.year}
            for study in STUDIES
        ],
    },
)
