"""The pack top10: will this title make the Netflix Top 10?"""
